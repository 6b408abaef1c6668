# promise: garbage on the driver's own connection hurts nobody but this interpreter
# outcome: ok|error|killed|lost
# limits: timeout=10
import os, socket

for name in os.listdir("/proc/self/fd"):
    try:
        driver = socket.socket(fileno=os.dup(int(name)))
        driver.settimeout(1)
        driver.sendall(os.urandom(100_000))
        driver.sendall(b"\xff" * 100_000)
    except OSError:
        continue
print("HELD")
