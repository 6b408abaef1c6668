# promise: the number of open files is limited
# outcome: ok
# limits: open_files=128
import os

handles = []
try:
    for _ in range(100_000):
        handles.append(os.open("/dev/null", os.O_RDONLY))
except OSError as error:
    print(error.strerror, len(handles))
else:
    raise SystemExit("BROKEN: no end")
finally:
    for handle in handles:
        os.close(handle)
if len(handles) > 128:
    raise SystemExit(f"BROKEN: {len(handles)} files")
print("HELD")
