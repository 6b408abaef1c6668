# promise: no process can put itself before others: no real-time class, no better niceness
# outcome: ok
# shared-kernel-only: niceness inside a kernel in user space moves nobody outside of it
import ctypes, os

attempts = [lambda: os.nice(-1), lambda: os.setpriority(os.PRIO_PROCESS, 0, -5),
            lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)),
            lambda: os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(99))]
for attempt in attempts:
    try:
        attempt()
    except OSError:
        continue
    raise SystemExit("BROKEN: a better priority")
libc = ctypes.CDLL(None, use_errno=True)
attributes = (ctypes.c_uint64 * 6)(48 | 6 << 32, 0, 0, 10_000_000, 20_000_000, 20_000_000)  # SCHED_DEADLINE
if libc.syscall({"x86_64": 314, "aarch64": 274}[os.uname().machine], 0, attributes, 0) == 0:
    raise SystemExit("BROKEN: a deadline")
if libc.syscall({"x86_64": 251, "aarch64": 30}[os.uname().machine], 1, 0, 1 << 13) == 0:  # ioprio: real-time
    raise SystemExit("BROKEN: real-time input and output")
print("HELD")
