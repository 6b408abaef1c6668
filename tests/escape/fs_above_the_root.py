# promise: there is no way above the root directory
# outcome: ok
import os

root = os.stat("/")
for start in ["/", "/workspace", "/tmp", "/proc", "/usr", "/dev"]:
    place = os.open(start, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(64):
        place = os.open("..", os.O_RDONLY | os.O_DIRECTORY, dir_fd=place)
    if not os.path.samestat(os.fstat(place), root):
        raise SystemExit(f"BROKEN: above {start} lies {os.listdir(place)}")
for link in ["/proc/self/root", "/proc/self/cwd/../..", f"/proc/{os.getpid()}/task/{os.getpid()}/root"]:
    if not os.path.samestat(os.stat(link), root):
        raise SystemExit(f"BROKEN: {link} is another root")
mounts = [line.split() for line in open("/proc/self/mountinfo")]
for fields in mounts:
    kind = fields[fields.index("-") + 1]
    if fields[4] == "/" and kind not in ["tmpfs", "overlay", "9p"]:  # 9p is how gVisor gives a container its image
        raise SystemExit(f"BROKEN: the root is the host's {kind}")
    if "ro" not in fields[5].split(",") and kind not in ["tmpfs", "proc", "devpts", "devtmpfs", "mqueue"]:
        raise SystemExit(f"BROKEN: {fields[4]} ({kind}) is writable")
print("HELD")
