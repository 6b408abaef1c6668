# promise: memory of children counts as the sandbox's
# outcome: out_of_memory
# limits: memory=128M
import os, time

for _ in range(6):
    if os.fork() == 0:
        hoard = bytearray(b"x" * (40 << 20))
        time.sleep(60)
        os._exit(0)
time.sleep(60)
