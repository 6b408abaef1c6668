# promise: swap, accounting and quotas cannot be touched
# outcome: ok
import ctypes, errno, os

libc = ctypes.CDLL(None, use_errno=True)
numbers = {
    "x86_64": dict(swapon=167, swapoff=168, acct=163, quotactl=179),
    "aarch64": dict(swapon=224, swapoff=225, acct=89, quotactl=60),
}[os.uname().machine] | dict(quotactl_fd=443)
with open("/workspace/swap", "wb") as file:
    file.write(bytes(65536))
for name, number in numbers.items():
    arguments = (0x800002 << 8, b"/dev/sda1", 0, 0) if name.startswith("quota") else (b"/workspace/swap", 0)
    if libc.syscall(number, *arguments) >= 0:
        raise SystemExit(f"BROKEN: {name} worked")
    if ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS):
        raise SystemExit(f"BROKEN: {name} got through: {errno.errorcode[ctypes.get_errno()]}")
print("HELD")
