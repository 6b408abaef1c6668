# promise: io_uring, a second way to make system calls, is closed
# outcome: ok
import ctypes, errno

libc = ctypes.CDLL(None, use_errno=True)
parameters = (ctypes.c_uint8 * 120)()
for number, arguments in [(425, (8, parameters)), (426, (0, 1, 0, 0, 0, 0)), (427, (0, 0, 0, 0))]:
    if libc.syscall(number, *arguments) >= 0:
        raise SystemExit(f"BROKEN: call {number} worked")
    if ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS):
        raise SystemExit(f"BROKEN: call {number} got through: {errno.errorcode[ctypes.get_errno()]}")
print("HELD")
