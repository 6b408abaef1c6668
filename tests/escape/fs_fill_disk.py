# promise: a full workspace is an error for the program that filled it, and no more
# outcome: ok
# limits: disk=16M
import errno, os

written = 0
try:
    with open("/workspace/big", "wb", buffering=0) as file:
        while written < 256 << 20:
            written += file.write(bytes(1 << 20))
except OSError as error:
    if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        raise
else:
    raise SystemExit("BROKEN: no end")
if written > 16 << 20:
    raise SystemExit(f"BROKEN: {written} bytes fit")
os.remove("/workspace/big")
print("HELD")
