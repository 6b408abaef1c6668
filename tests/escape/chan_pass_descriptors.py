# promise: descriptors that the interpreter sends along its connection are dropped, not collected
# outcome: ok|error|killed|lost
# user-kernel: timeout
# limits: timeout=10
import array, os, socket

pipe = os.pipe()
folder = os.open("/proc", os.O_RDONLY)
for name in os.listdir("/proc/self/fd"):
    try:
        driver = socket.socket(fileno=os.dup(int(name)))
        driver.settimeout(1)
        for _ in range(500):
            driver.sendmsg([b"\0"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [pipe[0], folder] * 100))])
    except OSError:
        continue
print("HELD")
