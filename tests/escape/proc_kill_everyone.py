# promise: kill(-1) reaches nobody outside, and the sandbox reports on
# outcome: ok
import os, signal, subprocess

child = subprocess.Popen(["sleep", "60"])
for number in [signal.SIGSTOP, signal.SIGCONT, signal.SIGTERM, signal.SIGKILL]:
    try:
        os.kill(-1, number)
    except OSError as error:
        print(error)
child.wait()
print("HELD")
