# promise: the number of files is limited
# shared-kernel-only: gVisor counts no files, they are limited as memory
# outcome: ok
# limits: inodes=1000
import errno

count = 0
try:
    for count in range(100_000):
        open(f"/workspace/{count}", "w").close()
except OSError as error:
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        raise
else:
    raise SystemExit("BROKEN: no end")
if count > 1000:
    raise SystemExit(f"BROKEN: {count} files fit")
print("HELD")
