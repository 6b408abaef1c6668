# promise: the kernel's keyrings, which no namespace divides, are out of reach
# outcome: ok
import ctypes, errno, os

libc = ctypes.CDLL(None, use_errno=True)
add, request, keyctl = {"x86_64": (248, 249, 250), "aarch64": (217, 218, 219)}[os.uname().machine]
calls = [(add, b"user", b"name", b"secret", 6, -4), (request, b"user", b"name", 0, -4)]
calls += [(keyctl, operation, -4, 0, 0, 0) for operation in range(0, 32)]
for call in calls:
    if libc.syscall(*call) >= 0:
        raise SystemExit(f"BROKEN: {call[:2]} worked")
    if ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS):
        raise SystemExit(f"BROKEN: {call[:2]} got through: {errno.errorcode[ctypes.get_errno()]}")
print("HELD")
