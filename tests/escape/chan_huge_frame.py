# promise: a frame that announces four gigabytes makes nobody reserve them
# outcome: ok|error|killed|lost
# limits: timeout=10
import os, socket, struct

for name in os.listdir("/proc/self/fd"):
    try:
        driver = socket.socket(fileno=os.dup(int(name)))
        driver.settimeout(1)
        driver.sendall(struct.pack("<II", 60, 0xFFFFFFFF) + b'{"t":"bundle","execution":"exe_1","main":true}'.ljust(60))
        for _ in range(64):
            driver.sendall(bytes(1 << 20))
    except OSError:
        continue
print("HELD")
