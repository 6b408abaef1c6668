# promise: an army of dead children that nobody waits for only hurts the one who raised it
# outcome: ok
# limits: pids=32
import os

count = 0
try:
    for count in range(5000):
        if os.fork() == 0:
            os._exit(0)
except OSError as error:
    print(error.strerror, count)
else:
    raise SystemExit("BROKEN: the dead do not count")
while True:
    try:
        os.waitpid(-1, 0)
    except ChildProcessError:
        break
if count > 32:
    raise SystemExit(f"BROKEN: {count} dead children")
print("HELD")
