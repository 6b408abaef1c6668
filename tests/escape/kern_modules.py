# promise: no module and no other kernel can be loaded, and the machine not be switched off
# outcome: ok
import ctypes, errno, os

libc = ctypes.CDLL(None, use_errno=True)
numbers = {
    "x86_64": dict(init_module=175, finit_module=313, delete_module=176, kexec_load=246, kexec_file_load=320, reboot=169),
    "aarch64": dict(init_module=105, finit_module=273, delete_module=106, kexec_load=104, kexec_file_load=294, reboot=142),
}[os.uname().machine]
# The reboot call only asks to ignore ctrl-alt-del, in case it gets through.
arguments = dict(delete_module=(b"belljar", 0), kexec_load=(0, 0, 0, 0), reboot=(0xFEE1DEAD, 672274793, 0, 0))
for name, number in numbers.items():
    if libc.syscall(number, *arguments.get(name, (0, 0, b"", 0, 0))) >= 0:
        raise SystemExit(f"BROKEN: {name} worked")
    if ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS):
        raise SystemExit(f"BROKEN: {name} got through: {errno.errorcode[ctypes.get_errno()]}")
print("HELD")
