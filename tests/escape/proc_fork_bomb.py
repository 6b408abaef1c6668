# promise: the number of processes is limited, and at the limit fork fails instead of the sandbox
# outcome: ok
# limits: pids=32
import os, signal, time

children = []
try:
    for _ in range(2000):
        child = os.fork()
        if child == 0:
            time.sleep(60)
            os._exit(0)
        children.append(child)
except OSError as error:
    print(error.strerror, len(children))
for child in children:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
if len(children) > 32:
    raise SystemExit(f"BROKEN: {len(children)} children")
print("HELD")
