# promise: pages of other processes cannot be moved about
# outcome: ok
import ctypes, errno, os

libc = ctypes.CDLL(None, use_errno=True)
move, migrate = {"x86_64": (279, 256), "aarch64": (239, 238)}[os.uname().machine]
nodes = (ctypes.c_ulong * 1)(1)
for call in [(move, 1, 0, 0, 0, 0, 0), (migrate, 1, 8, nodes, nodes)]:
    if libc.syscall(*call) >= 0:
        raise SystemExit(f"BROKEN: call {call[0]} on the guest worked")
    if ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS):
        raise SystemExit(f"BROKEN: call {call[0]} got through: {errno.errorcode[ctypes.get_errno()]}")
print("HELD")
