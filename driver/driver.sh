# The Bash context: `bash --noprofile --norc driver.sh` with the guest's socket as descriptor 3.
#
# Cells run by `eval` at the top level of one shell: variables, functions, options, traps, exports
# and the working directory are kept. Whatever would end that shell (`exit`, `set -e`, an unset
# variable under `set -u`, SIGINT) runs the EXIT trap, which saves the state and replaces the
# process by a new shell with that state: the context lives on. Descriptors 1 and 2 are pipes for
# the context's life. Pure Bash (5.0 or later), no other program on the ordinary path.

if [[ -z ${__belljar_file-} ]]; then
  # A second start with -c: errors in cells then read `bash: line 2: …`, counted from the cell's start.
  export __belljar_file=$0
  exec -a bash "$BASH" --noprofile --norc -c 'source "$__belljar_file"; while __belljar_next; do eval "$__belljar_code"; { __belljar_done; } 2>/dev/null; done 3<&-' bash
fi

if (($# == 5)); then
  # Not a new context but the old one in a new shell: its state comes back first.
  { [[ -z $1 ]] || source "$1" 5; } 2>/dev/null
  [[ -z $1 ]] || command rm -f "$1"
  __belljar_started=yes __belljar_options=$2 __belljar_execution=$3 __belljar_status=$4 __belljar_interrupted=$5
else
  __belljar_started= __belljar_options= __belljar_execution= __belljar_status=0 __belljar_interrupted=
fi
set --

declare +x __belljar_file
__belljar_fd=10 __belljar_running= __belljar_code= __belljar_user_exit=
__belljar_before=()

# Leaves the context for good.
__belljar_leave() {
  builtin trap - EXIT
  builtin exit "$1"
}

# Sends one frame: header, payload (both ASCII here).
__belljar_send() {
  local LC_ALL=C head=$1 body=${2-} prefix
  builtin printf -v prefix '\\x%02x\\x%02x\\x%02x\\x%02x\\x%02x\\x%02x\\x%02x\\x%02x' \
    $((${#head} & 255)) $((${#head} >> 8 & 255)) $((${#head} >> 16 & 255)) $((${#head} >> 24)) \
    $((${#body} & 255)) $((${#body} >> 8 & 255)) $((${#body} >> 16 & 255)) $((${#body} >> 24))
  builtin printf "$prefix%s%s" "$head" "$body" >&"$__belljar_fd"
}

# Reads $1 bytes from the socket into __belljar_bytes, without the NUL bytes among them.
__belljar_read() {
  local LC_ALL=C IFS=
  __belljar_bytes=
  if (($1 > 65536)); then
    # `read` takes one byte a system call from a socket.
    __belljar_bytes=$(head -c "$1" <&"$__belljar_fd"; builtin printf x) 2>/dev/null
    __belljar_bytes=${__belljar_bytes%x}
    return 0
  fi
  local remaining=$1 part
  while ((remaining > 0)); do
    # With NUL as the delimiter a NUL byte ends the part early, and is known to have been there.
    builtin read -r -d '' -n "$remaining" -u "$__belljar_fd" part || return 1
    __belljar_bytes+=$part
    ((remaining -= ${#part} == remaining ? remaining : ${#part} + 1))
  done
  return 0
}

# Reads a little-endian number of 4 bytes into __belljar_number.
__belljar_length() {
  local LC_ALL=C IFS= byte value shift
  __belljar_number=0
  for shift in 0 8 16 24; do
    # With NUL as the delimiter a NUL byte is read as an empty text.
    builtin read -r -d '' -n 1 -u "$__belljar_fd" byte || return 1
    value=0
    [[ -z $byte ]] || builtin printf -v value %d "'$byte"
    ((__belljar_number |= (value & 255) << shift))
  done
  return 0
}

# Reads one frame: __belljar_header and __belljar_bytes (its payload).
__belljar_frame() {
  local header_bytes payload_bytes LC_ALL=C
  __belljar_length || return 1
  header_bytes=$__belljar_number
  __belljar_length || return 1
  payload_bytes=$__belljar_number
  ((header_bytes <= 65536 && payload_bytes <= 33554432)) || return 1
  __belljar_read "$header_bytes" || return 1
  __belljar_header=$__belljar_bytes
  __belljar_read "$payload_bytes" || return 1
  __belljar_cut=$((payload_bytes - ${#__belljar_bytes}))
}

# Puts $1 as a JSON string into __belljar_json; bytes beyond ASCII become question marks.
__belljar_quote() {
  local LC_ALL=C text=$1
  text=${text//\\/\\\\}
  text=${text//\"/\\\"}
  text=${text//$'\n'/\\n}
  text=${text//$'\t'/\\t}
  text=${text//[^ -~]/?}
  __belljar_json=\"$text\"
}

# Sends an error (name, message, line or null, syntax: true or false) and waits for the answer.
__belljar_fault() {
  local name message
  __belljar_quote "$1"; name=$__belljar_json
  __belljar_quote "$2"; message=$__belljar_json
  __belljar_send "{\"t\":\"error\",\"execution\":\"$__belljar_execution\"}" \
    "{\"name\":$name,\"message\":$message,\"traceback\":[$message],\"line\":$3,\"errno\":null,\"syntax\":$4,\"import\":false}"
  __belljar_frame && [[ $__belljar_header == *'"ack"'* ]] || __belljar_leave 1
}

# Ends the execution: status, exit code.
__belljar_finish() {
  local execution=$__belljar_execution
  __belljar_running= __belljar_execution=
  __belljar_send "{\"t\":\"done\",\"execution\":\"$execution\",\"status\":\"$1\",\"exit_code\":$2}"
}

# Takes the next JSON string of __belljar_rest into __belljar_text. JSON has no raw \1 and \2: they stand for \\ and \".
__belljar_string() {
  local LC_ALL=C text
  __belljar_rest=${__belljar_rest#*\"}
  text=${__belljar_rest%%\"*}
  __belljar_rest=${__belljar_rest:${#text}+1}
  text=${text//$'\2'/\"}
  # What else JSON escapes, %b understands.
  builtin printf -v __belljar_text %b "${text//$'\1'/\\\\}"
}

# Sets the variables that __belljar_rest, a JSON object, names; notes in __belljar_before what they were.
__belljar_borrow() {
  while [[ $__belljar_rest =~ ^[{,]\ *\" ]]; do
    __belljar_string; __belljar_name=$__belljar_text
    __belljar_string
    [[ $__belljar_name =~ ^[A-Za-z_][A-Za-z0-9_]*$ && $__belljar_name != __belljar* ]] || return
    __belljar_before+=("$__belljar_name" "$(builtin declare -p "$__belljar_name")")
    builtin export "$__belljar_name=$__belljar_text" || return
  done
} 2>/dev/null

# Gives them back.
__belljar_give_back() {
  local __belljar_at __belljar_name
  for ((__belljar_at = ${#__belljar_before[@]} - 2; __belljar_at >= 0; __belljar_at -= 2)); do
    __belljar_name=${__belljar_before[__belljar_at]}
    # A function that did not come to its end may have one of its own over the shell's.
    while builtin declare -p "$__belljar_name" && builtin unset -v "$__belljar_name"; do :; done
    builtin eval "${__belljar_before[__belljar_at + 1]/#declare /declare -g }"
  done
  __belljar_before=()
} &>/dev/null

# Tells a syntax error from a command that returned 2; prints nothing (eval has).
__belljar_check_syntax() {
  local text line=null
  text=$("$BASH" --noprofile --norc -n <<<"$__belljar_code" 2>&1) && return 1
  text=${text#*: }
  [[ $text =~ line\ ([0-9]+): ]] && line=${BASH_REMATCH[1]}
  __belljar_fault SyntaxError "syntax error, ${text%%$'\n'*}" "$line" true
}

# Options that would disturb the driver's own commands.
__belljar_calm() {
  set +o errexit +o nounset +o noglob +o verbose +o xtrace +o noclobber +o keyword +o posix
}

# After a cell: $? is its status.
__belljar_done() {
  __belljar_status=$? __belljar_options=$SHELLOPTS
  __belljar_calm
  # A shell that user code forked came out of its cell: it must not speak.
  ((BASH_SUBSHELL == 0)) || builtin exit "$__belljar_status"
  __belljar_give_back
  if ((__belljar_status == 0)); then
    __belljar_finish ok 0
  elif ((__belljar_status <= 2)) && __belljar_check_syntax; then
    __belljar_finish error "$__belljar_status"
  else
    __belljar_finish exit "$__belljar_status"
  fi
}

# Waits for the next cell and prepares the shell for it.
__belljar_next() {
  # The loop's redirection keeps the socket at a number above 9 that children do not get.
  while [[ ! -S /dev/fd/$__belljar_fd ]]; do
    ((++__belljar_fd < 64)) || __belljar_leave 1
  done
  if [[ -z $__belljar_started ]]; then
    __belljar_send "{\"t\":\"hello\",\"pid\":$$,\"walls\":[]}"
  elif [[ -n $__belljar_execution && -n $__belljar_interrupted ]]; then
    __belljar_fault KeyboardInterrupt interrupted null false
    __belljar_finish error 130
  elif [[ -n $__belljar_execution ]]; then
    __belljar_finish exit "$__belljar_status"
  fi
  __belljar_started=yes
  while :; do
    __belljar_frame || __belljar_leave 0
    [[ $__belljar_header =~ \"t\":\ *\"execute\" ]] || __belljar_leave 1
    [[ $__belljar_header =~ \"execution\":\ *\"([A-Za-z0-9_-]+)\" ]] || __belljar_leave 1
    __belljar_execution=${BASH_REMATCH[1]} __belljar_code=$__belljar_bytes
    if ((__belljar_cut != 0)); then
      __belljar_fault SyntaxError 'the code contains a NUL byte, which Bash cannot hold' null true
      __belljar_finish error 2
      continue
    fi
    [[ $__belljar_header =~ \"env\":\ *(\{.*) ]] || break
    __belljar_rest=${BASH_REMATCH[1]//\\\\/$'\1'}
    __belljar_rest=${__belljar_rest//\\\"/$'\2'}
    __belljar_borrow && break
    __belljar_give_back
    __belljar_fault EnvironmentError "Bash cannot set a variable of the name $__belljar_name" null false
    __belljar_finish error 1
  done
  builtin trap __belljar_exit EXIT
  builtin trap __belljar_interrupt INT
  __belljar_running=yes __belljar_interrupted= __belljar_status=0
  __belljar_send "{\"t\":\"begun\",\"execution\":\"$__belljar_execution\"}"
  local option IFS=:
  for option in $__belljar_options; do
    case $option in
      interactive-comments | hashall | braceexpand | monitor) ;;
      *) set -o "$option" ;;
    esac
  done
} 2>/dev/null

# SIGINT: nothing between cells; in a cell it ends the shell, and so the cell.
__belljar_interrupt() {
  [[ -n $__belljar_running ]] || return 0
  __belljar_interrupted=yes
  builtin exit 130
}

# A user's EXIT trap runs before ours; every other trap is an ordinary one.
trap() {
  local last=${*: -1}
  if ((BASH_SUBSHELL == 0 && $# >= 2)) && [[ $last == EXIT || $last == 0 ]] && [[ $1 != -[lp] ]]; then
    [[ $1 == - ]] && __belljar_user_exit= || __belljar_user_exit=$1
    (($# == 2)) && return 0
    set -- "${@:1:$#-1}"
  fi
  builtin trap "$@"
}

# Writes the shell's state as commands that restore it; what a new shell refuses is its own.
__belljar_save() {
  declare -p && declare -f && alias -p && builtin trap -p || return
  shopt -p || return 0
} 2>/dev/null

# The shell is about to end: tell why, keep its state, become a new shell with that state.
__belljar_exit() {
  __belljar_status=$? __belljar_options=$SHELLOPTS
  { __belljar_calm; } 2>/dev/null
  ((BASH_SUBSHELL == 0)) || return
  # Where Bash has already undone the loop's redirection, the socket is 3 again.
  [[ -S /dev/fd/$__belljar_fd ]] || __belljar_fd=3
  if [[ -n $__belljar_user_exit ]]; then
    builtin trap '' EXIT
    eval "$__belljar_user_exit"
    __belljar_user_exit=
  fi
  __belljar_give_back
  local folder file
  for folder in /dev/shm /tmp "$PWD"; do
    file=$folder/.belljar-bash-$$
    (umask 077 && __belljar_save >"$file" && [[ -s $file ]]) 2>/dev/null && break
    command rm -f "$file"
    file=
  done
  [[ -n $file ]] || builtin printf '%s\n' 'belljar: no room to keep the variables of this shell' >&2
  # The new shell tells the guest, once it can be interrupted again. The socket goes by way of 0:
  # a copy of a descriptor that is closed on exec would be closed as well.
  export __belljar_file
  exec -a bash "$BASH" --noprofile --norc -c 'source "$__belljar_file"; while __belljar_next; do eval "$__belljar_code"; { __belljar_done; } 2>/dev/null; done 3<&-' bash \
    "$file" "$__belljar_options" "$__belljar_execution" "$__belljar_status" "$__belljar_interrupted" \
    63<&0 0<&"$__belljar_fd" 3<&0 0<&63 63<&-
}

builtin trap __belljar_exit EXIT
builtin trap __belljar_interrupt INT
