# promise: memory of children counts as the sandbox's
# outcome: out_of_memory
# limits: memory=128M
# needs-wall: cgroup
import os, time

children = []
for _ in range(6):
    children.append(os.fork())
    if children[-1] == 0:
        hoard = bytearray(b"x" * (40 << 20))
        time.sleep(5)
        os._exit(0)
killed = sum(os.waitpid(child, 0)[1] == 9 for child in children)
print(killed, "of 6 were killed")
raise SystemExit(1 if killed else "BROKEN: nobody was killed")
