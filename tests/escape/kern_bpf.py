# promise: no program can be loaded into the kernel, and no counter of its work be read
# outcome: ok
import ctypes, errno, os

libc = ctypes.CDLL(None, use_errno=True)
bpf, perf = {"x86_64": (321, 298), "aarch64": (280, 241)}[os.uname().machine]
attributes = (ctypes.c_uint8 * 128)(2, 0, 0, 0, 4, 0, 0, 0, 8, 0, 0, 0, 1)
event = (ctypes.c_uint32 * 32)(1, 128)
calls = [(bpf, command, attributes, 128) for command in range(0, 36)] + [(perf, event, 0, -1, -1, 0), (perf, event, -1, 0, -1, 0)]
for call in calls:
    if libc.syscall(*call) >= 0:
        raise SystemExit(f"BROKEN: {call[:2]} worked")
    if ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS):
        raise SystemExit(f"BROKEN: {call[:2]} got through: {errno.errorcode[ctypes.get_errno()]}")
print("HELD")
