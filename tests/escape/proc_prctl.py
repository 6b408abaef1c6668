# promise: a process cannot rewrite what the kernel knows about it, nor undo its own walls
# outcome: ok
import ctypes, errno

libc = ctypes.CDLL(None, use_errno=True)
PR_SET_SECCOMP, PR_SET_MM, PR_SET_NO_NEW_PRIVS = 22, 35, 38
for field in range(1, 16):
    if libc.prctl(PR_SET_MM, field, 4096, 0, 0) == 0:
        raise SystemExit(f"BROKEN: PR_SET_MM {field}")
    if ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS):
        raise SystemExit(f"BROKEN: PR_SET_MM got through: {errno.errorcode[ctypes.get_errno()]}")
libc.prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0)
libc.prctl(PR_SET_SECCOMP, 0, 0, 0, 0)
status = dict(line.rstrip("\n").split(":\t", 1) for line in open("/proc/self/status") if ":\t" in line)
told = libc.prctl(39, 0, 0, 0, 0)  # PR_GET_NO_NEW_PRIVS
if (told, status["Seccomp"]) != (1, "2"):
    raise SystemExit(f"BROKEN: NoNewPrivs {told}, Seccomp {status['Seccomp']}")
print("HELD")
