# promise: shared memory, queues and semaphores of the host or of other sandboxes are not here
# outcome: ok
import os

for name in ["shm", "msg", "sem"]:
    try:
        lines = open(f"/proc/sysvipc/{name}").read().splitlines()[1:]
    except OSError:
        continue
    if lines:
        raise SystemExit(f"BROKEN: /proc/sysvipc/{name}: {lines}")
if os.path.isdir("/dev/shm") and os.listdir("/dev/shm"):
    raise SystemExit(f"BROKEN: /dev/shm has {os.listdir('/dev/shm')}")
if os.path.isdir("/dev/mqueue") and os.listdir("/dev/mqueue"):
    raise SystemExit(f"BROKEN: /dev/mqueue has {os.listdir('/dev/mqueue')}")
print("HELD")
