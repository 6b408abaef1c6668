# promise: the CPU limit counts all processes together, also those that were waited for
# outcome: timeout
# limits: cpu=2 timeout=60
# needs-wall: cgroup
import os

while True:
    for _ in range(2):
        if os.fork() == 0:
            for _ in range(5_000_000):
                pass
            os._exit(0)
    os.wait()
    os.wait()
