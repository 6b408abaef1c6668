# promise: every writable place together holds no more than the sandbox's memory
# outcome: ok|out_of_memory|killed
# limits: memory=256M disk=32M
import os

total = 0
for folder in ["/tmp", "/dev/shm", "/home/user", "/var/tmp", "/run", "/dev", "/"]:
    try:
        with open(f"{folder}/big", "wb", buffering=0) as file:
            while total < 1 << 30:
                total += file.write(bytes(1 << 20))
    except OSError as error:
        print(folder, error.strerror, total >> 20, "MiB")
if total > 256 << 20:
    raise SystemExit(f"BROKEN: {total >> 20} MiB fit")
print("HELD")
