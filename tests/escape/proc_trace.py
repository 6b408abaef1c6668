# promise: no process can look into another one's memory or take its descriptors
# outcome: ok
import ctypes, errno, os

libc = ctypes.CDLL(None, use_errno=True)
numbers = {
    "x86_64": dict(ptrace=101, process_vm_readv=310, process_vm_writev=311, kcmp=312),
    "aarch64": dict(ptrace=117, process_vm_readv=270, process_vm_writev=271, kcmp=272),
}[os.uname().machine]
numbers |= dict(pidfd_getfd=438, process_madvise=440, process_mrelease=448)
child = os.fork()
if child == 0:
    os.execvp("sleep", ["sleep", "20"])
space = ctypes.create_string_buffer(64)
vector = (ctypes.c_void_p * 2)(ctypes.addressof(space), 8)
for pid in [1, child]:
    handle = libc.syscall(434, pid, 0)  # pidfd_open; where a kernel has none, -1 must open nothing either
    attempts = {
        "ptrace": [(16, pid, 0, 0), (0x4206, pid, 0, 0)],  # ATTACH, SEIZE
        "process_vm_readv": [(pid, vector, 1, vector, 1, 0)], "process_vm_writev": [(pid, vector, 1, vector, 1, 0)],
        "kcmp": [(pid, pid, 0, 0, 0)], "pidfd_getfd": [(handle, number, 0) for number in range(8)],
        "process_madvise": [(handle, vector, 1, 4, 0)], "process_mrelease": [(handle, 0)],
    }
    for name, arguments in attempts.items():
        for argument in arguments:
            if libc.syscall(numbers[name], *argument) >= 0:
                raise SystemExit(f"BROKEN: {name} on {pid} worked")
            if ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS):
                raise SystemExit(f"BROKEN: {name} got through: {errno.errorcode[ctypes.get_errno()]}")
os.kill(child, 9)
os.waitpid(child, 0)
print("HELD")
