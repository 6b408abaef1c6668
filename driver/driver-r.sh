# Starts the R context: `bash --noprofile --norc driver-r.sh` with the guest's socket as descriptor 3.
#
# R opens files and pipes, not sockets: two `cat`s, deaf to SIGINT, carry the frames. They end with the socket, and with
# R (driver.R), which becomes this process.

if ! type -P R >/dev/null; then
  head='{"t":"failed","step":"find R","errno":2}'
  printf -v size '\\x%02x' ${#head}
  printf "$size\0\0\0\0\0\0\0%s" "$head" >&3
  exit 1
fi
# Only what R opens anew stays from its children: driver.R closes 4 and 5.
exec 4< <(trap '' INT; exec cat <&3 3<&- 2>/dev/null)
reader=$!
exec 5> >(trap '' INT; exec 2>/dev/null 4<&-; cat >&3 3>&-; kill "$reader") 3>&-
exec R --no-echo --no-save --no-restore --no-environ --no-init-file --file="${BASH_SOURCE[0]%/*}/driver.R"
