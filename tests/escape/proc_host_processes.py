# promise: only the sandbox's own processes can be seen or signalled
# outcome: ok
import os

seen = sorted(int(name) for name in os.listdir("/proc") if name.isdigit())
if len(seen) > 20 or os.getpid() > 5000:
    raise SystemExit(f"BROKEN: {len(seen)} processes, we are number {os.getpid()}")
for pid in range(2, 33_000):
    if pid in seen:
        continue
    try:
        os.kill(pid, 0)
        os.sched_getaffinity(pid)
    except ProcessLookupError:
        continue
    except PermissionError:
        pass
    if not os.path.exists(f"/proc/{pid}") and pid not in map(int, os.listdir("/proc/self/task")):
        print("hidden but of this sandbox:", pid)
for pid in seen:
    try:
        words = open(f"/proc/{pid}/cmdline").read().split("\0")
    except OSError:
        continue
    if any(name in " ".join(words) for name in ["systemd", "sshd", "dockerd", "keeper", "jailer"]):
        raise SystemExit(f"BROKEN: {words}")
print("HELD")
