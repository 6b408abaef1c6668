# promise: no namespace can be made or entered, so nobody becomes root of one
# outcome: ok
import ctypes, errno, os

libc = ctypes.CDLL(None, use_errno=True)
clone, unshare, setns = {"x86_64": (56, 272, 308), "aarch64": (220, 97, 268)}[os.uname().machine]
flags = dict(TIME=0x80, NEWNS=0x20000, CGROUP=0x2000000, UTS=0x4000000, IPC=0x8000000, USER=0x10000000, PID=0x20000000,
             NET=0x40000000)
def refused(name, result):
    if result == 0:
        os._exit(7)  # the child of a clone that worked
    if result > 0 or ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS, errno.EINVAL if "TIME" in name else 0):
        raise SystemExit(f"BROKEN: {name}: {result}, {errno.errorcode.get(ctypes.get_errno())}")

for name, flag in flags.items():
    if libc.syscall(unshare, flag) == 0:
        raise SystemExit(f"BROKEN: unshare {name}")
    refused(f"unshare {name}", -1)
    if name != "TIME":
        refused(f"clone {name}", libc.syscall(clone, flag | 17, 0, 0, 0, 0))
        refused(f"clone USER|{name}", libc.syscall(clone, flag | 0x10000000 | 17, 0, 0, 0, 0))
    arguments = (ctypes.c_uint64 * 11)(flag)
    refused(f"clone3 {name}", libc.syscall(435, ctypes.byref(arguments), 88))
for name in os.listdir("/proc/self/ns"):
    handle = os.open(f"/proc/self/ns/{name}", os.O_RDONLY)
    if libc.syscall(setns, handle, 0) == 0:
        raise SystemExit(f"BROKEN: setns {name}")
for pid in [1, os.getpid()]:
    handle = libc.syscall(434, pid, 0)  # pidfd_open, which not every kernel has
    if handle >= 0 and libc.syscall(setns, handle, 0x7E020000) == 0:
        raise SystemExit("BROKEN: setns by pidfd")
print("HELD")
