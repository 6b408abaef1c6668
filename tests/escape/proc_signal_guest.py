# promise: no signal from inside stops or kills the guest
# outcome: ok
# user-kernel: lost
import os, signal, subprocess, time

for number in range(1, 65):
    try:
        os.kill(1, number)
    except OSError:
        pass
try:
    signal.pidfd_send_signal(os.pidfd_open(1), signal.SIGKILL)
except OSError:
    pass
time.sleep(0.2)
state = open("/proc/1/stat").read().rsplit(")", 1)[1].split()[0] if os.path.exists("/proc/1/stat") else "S"
if state in "TtZX":
    raise SystemExit(f"BROKEN: the guest is in state {state}")
# It still reaps what loses its parent.
orphan = int(subprocess.run(["sh", "-c", "sleep 0.1 >/dev/null 2>&1 & echo $!"], capture_output=True).stdout)
for _ in range(50):
    time.sleep(0.1)
    try:
        os.kill(orphan, 0)
    except ProcessLookupError:
        print("HELD")
        break
else:
    raise SystemExit("BROKEN: nobody reaps")
