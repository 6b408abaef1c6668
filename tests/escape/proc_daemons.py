# promise: processes that detach themselves end with the sandbox at the latest
# outcome: ok
# The runner looks afterwards whether any of them is left on the host.
import os, signal, time

for number in range(8):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for name in range(1, 65):
                try:
                    signal.signal(name, signal.SIG_IGN)
                except (OSError, ValueError):
                    pass
            for descriptor in range(3):
                os.dup2(os.open(os.devnull, os.O_RDWR), descriptor)
            os.closerange(3, 1024)
            os.execvp("sleep", ["belljar-daemon", "600"])
        os._exit(0)
    os.wait()
time.sleep(0.2)
print("HELD")
