# promise: no device but the harmless ones is there, and none can be made
# outcome: ok
import os, stat

harmless = {(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 2)}  # null zero full random urandom tty ptmx
if "gvisor" in open("/proc/cmdline").read():
    harmless |= {(10, 229), (10, 200)}  # fuse and tun of a kernel in user space, which are none of the host's
for folder, _, names in os.walk("/dev"):
    for name in names:
        found = os.lstat(f"{folder}/{name}")
        number = (os.major(found.st_rdev), os.minor(found.st_rdev))
        if stat.S_ISBLK(found.st_mode) or stat.S_ISCHR(found.st_mode) and number not in harmless and number[0] != 136:
            raise SystemExit(f"BROKEN: {folder}/{name} is device {number}")
for folder in ["/workspace", "/tmp", "/dev/shm", "/home/user"]:
    for kind, number in [(stat.S_IFCHR, (1, 1)), (stat.S_IFBLK, (8, 0)), (stat.S_IFBLK, (254, 0)), (stat.S_IFCHR, (10, 229))]:
        try:
            os.mknod(f"{folder}/device", kind | 0o666, os.makedev(*number))
        except OSError:
            continue
        try:
            os.open(f"{folder}/device", os.O_RDONLY)
        except OSError:
            os.remove(f"{folder}/device")
            continue
        if number not in harmless:
            raise SystemExit(f"BROKEN: made device {number} in {folder}")
        os.remove(f"{folder}/device")
print("HELD")
