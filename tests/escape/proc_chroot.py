# promise: another root directory leads nowhere but within the sandbox; programs cannot have one
# outcome: ok
import ctypes, os, subprocess

library = ctypes.CDLL(None, use_errno=True)
header = (ctypes.c_uint32 * 2)(0x20080522, 0)
CHROOT = 1 << 18
permitted = library.capset(header, (ctypes.c_uint32 * 6)(CHROOT, CHROOT, 0, 0, 0, 0)) == 0
with open("/tmp/chroot.py", "w") as program:
    program.write("import os\ntry: os.chroot('/tmp')\nexcept OSError: print('no')")
if subprocess.run(["python3", "/tmp/chroot.py"], capture_output=True, text=True).stdout != "no\n":
    raise SystemExit("BROKEN: a program changed its root")
if permitted:
    top = os.stat("/")
    names = set(os.listdir("/"))
    way_back = os.open("/", os.O_RDONLY)
    os.makedirs("/tmp/jail/deep", exist_ok=True)
    os.chroot("/tmp/jail")
    os.fchdir(way_back)  # out of the new root by a directory that lies outside of it, as far up as that leads
    for _ in range(64):
        os.chdir("..")
    os.chroot(".")
    reached = os.stat("/")
    if (reached.st_dev, reached.st_ino) != (top.st_dev, top.st_ino) or set(os.listdir("/")) != names:
        raise SystemExit(f"BROKEN: reached {os.listdir('/')}")
    for path in ["/root", "/home/user/../../root", "/proc/1/root", "/.belljar/branches/0/../../../root"]:
        try:
            found = os.listdir(path)
        except OSError:
            continue
        if not set(found) <= names:
            raise SystemExit(f"BROKEN: {path} shows {found}")
    for kind, path in [(0x00020000, "/proc/1/ns/mnt"), (0x10000000, "/proc/1/ns/user")]:
        try:
            handle = os.open(path, os.O_RDONLY)
        except OSError:
            continue
        if library.setns(handle, kind) == 0:
            raise SystemExit(f"BROKEN: joined {path}")
    if library.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0:
        raise SystemExit("BROKEN: mounted")
print("HELD")
