# promise: output without end fills no memory: its head and tail are kept, the rest is counted
# outcome: ok
# limits: memory=128M output=65536
import os

line = b"x" * 1023 + b"\n"
for _ in range(64):
    os.write(1, line * 1024)
    os.write(2, line * 64)
print()
print("HELD")
