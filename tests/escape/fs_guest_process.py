# promise: the guest's memory, descriptors, environment and root are closed to what runs beside it
# outcome: ok
# shared-kernel-only: gVisor shows one's own processes whole; there is nothing secret in the guest
import os

for name in ["environ", "mem", "maps", "smaps", "auxv", "stack", "syscall", "personality", "io", "pagemap",
             "root/etc/passwd", "cwd/.", "exe", "clear_refs"]:
    for flags in [os.O_RDONLY, os.O_WRONLY]:
        try:
            handle = os.open(f"/proc/1/{name}", flags)
            content = os.read(handle, 1) if flags == os.O_RDONLY and name not in ["mem", "cwd/."] else b"?"
        except OSError:
            continue
        if content:
            raise SystemExit(f"BROKEN: /proc/1/{name} can be read")
for folder in ["fd", "fdinfo", "map_files", "task/1/fd"]:
    try:
        found = os.listdir(f"/proc/1/{folder}")
    except OSError:
        continue
    raise SystemExit(f"BROKEN: /proc/1/{folder}: {found}")
for link in ["exe", "root", "cwd", "ns/user", "ns/mnt"]:
    try:
        raise SystemExit(f"BROKEN: /proc/1/{link} is {os.readlink(f'/proc/1/{link}')}")
    except OSError:
        pass
print("HELD")
