# promise: no input and output ports and no own descriptor tables of the processor
# outcome: ok
import ctypes, errno, os

libc = ctypes.CDLL(None, use_errno=True)
table = (ctypes.c_uint32 * 4)(0, 0, 0xFFFF, 0x51)
calls = {"x86_64": [(172, 3), (173, 0x70, 2, 1), (154, 1, table, 16), (154, 0x11, table, 16)], "aarch64": []}[os.uname().machine]
for call in calls:  # iopl, ioperm, modify_ldt
    if libc.syscall(*call) >= 0:
        raise SystemExit(f"BROKEN: call {call[0]} worked")
    if ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS):
        raise SystemExit(f"BROKEN: call {call[0]} got through: {errno.errorcode[ctypes.get_errno()]}")
print("HELD")
