# promise: the kernel's log can neither be read nor cleared
# outcome: ok
import ctypes

libc = ctypes.CDLL(None, use_errno=True)
space = ctypes.create_string_buffer(4096)
for action in [2, 3, 4, 5, 9, 10]:  # read, read all, read and clear, clear, unread, size
    if libc.klogctl(action, space, 4096) >= 0:
        raise SystemExit(f"BROKEN: action {action} worked")
print("HELD")
