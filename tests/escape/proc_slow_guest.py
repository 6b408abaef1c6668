# promise: the guest's priority, processors and limits cannot be changed, so that it is not starved from inside
# outcome: ok
import ctypes, os, resource

ioprio_set = {"x86_64": 251, "aarch64": 30}[os.uname().machine]
libc = ctypes.CDLL(None, use_errno=True)

def input_and_output():
    if libc.syscall(ioprio_set, 1, 1, 3 << 13) != 0:
        raise OSError(ctypes.get_errno(), "ioprio_set")

attempts = {
    "niceness": lambda: os.setpriority(os.PRIO_PROCESS, 1, 19),
    "idle class": lambda: os.sched_setscheduler(1, os.SCHED_IDLE, os.sched_param(0)),
    "processors": lambda: os.sched_setaffinity(1, {min(os.sched_getaffinity(0))}),
    "limit of files": lambda: resource.prlimit(1, resource.RLIMIT_NOFILE, (1, 1)),
    "limit of memory": lambda: resource.prlimit(1, resource.RLIMIT_AS, (1, 1)),
    "input and output": input_and_output,
    "choice of the memory killer": lambda: open("/proc/1/oom_score_adj", "w").write("1000"),
}
for name, attempt in attempts.items():
    try:
        attempt()
    except (OSError, ValueError):
        continue
    raise SystemExit(f"BROKEN: changed the guest's {name}")
print("HELD")
