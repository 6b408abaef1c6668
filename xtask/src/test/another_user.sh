# Runs a command as an ordinary user who can read the repository, what was built, and the templates, at the very same
# paths, although they may lie below a directory that only root may enter. Runs as root in a mount namespace of its own.
# Arguments: UID DATA_DIR REPOSITORY TARGET COMMAND…
set -euo pipefail
user=$1 data_dir=$2 repository=$3 target=$4
shift 4

room=$(mktemp -d /tmp/belljar-test-XXXXXX)   # the user's; nothing is ever mounted in it, so that it may be removed
stash=$(mktemp -d /tmp/belljar-binds-XXXXXX) # only ever removed when empty
trap 'umount --lazy "$stash" 2>/dev/null || true; rmdir "$stash"; rm -rf "$room"' EXIT
chmod 755 "$room"
here=$PWD

# Binds of what is needed, taken while root can still see it.
mkdir -p "$data_dir/templates"
mount -t tmpfs -o mode=755,size=1m stash "$stash"
paths=("$repository" "$target" "$data_dir/templates")
for n in "${!paths[@]}"; do
    mkdir "$stash/$n"
    mount --bind "${paths[$n]}" "$stash/$n"
done

# Every closed directory on the way is covered by an open, empty one that holds only what is needed.
for path in "${paths[@]}"; do
    part=
    IFS=/ read -ra names <<<"${path#/}"
    for name in "${names[@]}"; do
        part=$part/$name
        mode=$(stat -c %a "$part" 2>/dev/null || echo 755)
        if (( (8#$mode & 1) == 0 )); then
            mount -t tmpfs -o mode=755,size=1m cover "$part"
            break
        fi
    done
done
for n in "${!paths[@]}"; do
    if ! [ "${paths[$n]}" -ef "$stash/$n" ]; then
        mkdir -p "${paths[$n]}"
        mount --bind "$stash/$n" "${paths[$n]}"
    fi
done

# A home and a data directory of the user's own; the templates in it are root's, to be read only.
mkdir -p "$room/home/data" "$room/tmp"
ln -s "$data_dir/templates" "$room/home/data/templates"
chown -R --no-dereference "$user:$user" "$room/home" "$room/tmp"
touch "$BELLJAR_SKIPS" && chown "$user" "$BELLJAR_SKIPS"

cd "$here"
env -u XDG_RUNTIME_DIR -u XDG_DATA_HOME -u XDG_CACHE_HOME -u XDG_CONFIG_HOME -u SUDO_USER \
    HOME="$room/home" TMPDIR="$room/tmp" USER=nobody LOGNAME=nobody BELLJAR_DATA_DIR="$room/home/data" \
    setpriv --reuid="$user" --regid="$user" --clear-groups "$@"
