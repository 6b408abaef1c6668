# promise: the kernel cannot be made to wait for user code in the middle of its work
# outcome: ok
import ctypes, errno, os

libc = ctypes.CDLL(None, use_errno=True)
userfaultfd, fanotify = {"x86_64": (323, 300), "aarch64": (282, 262)}[os.uname().machine]
for number, flags in [(userfaultfd, 0), (userfaultfd, 1), (fanotify, 0), (fanotify, 0x200)]:
    if libc.syscall(number, flags, 0) >= 0:
        raise SystemExit(f"BROKEN: call {number} worked")
    if ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS):
        raise SystemExit(f"BROKEN: call {number} got through: {errno.errorcode[ctypes.get_errno()]}")
gvisor = "gvisor" in open("/proc/cmdline").read()  # its fuse makes only itself wait
if os.path.exists("/dev/fuse") and not gvisor or os.path.exists("/dev/userfaultfd"):
    raise SystemExit("BROKEN: a device for it")
print("HELD")
