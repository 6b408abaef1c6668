# promise: garbage in the upper half of a system call's arguments slips past no rule
# outcome: ok
import ctypes, errno, os

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
numbers = {
    "x86_64": dict(clone=56, unshare=272, socket=41, ioctl=16, prctl=157, personality=135),
    "aarch64": dict(clone=220, unshare=97, socket=198, ioctl=29, prctl=167, personality=92),
}[os.uname().machine]
master, slave = os.openpty()
attempts = [
    ("unshare", 0x10000000), ("clone", 0x10000000 | 17, 0, 0, 0, 0), ("clone", 0x20000 | 17, 0, 0, 0, 0),
    ("socket", 38, 5, 0), ("socket", 40, 1, 0), ("socket", 2, 3, 1), ("socket", 17, 3, 0),
    ("ioctl", slave, 0x5412, ctypes.addressof(ctypes.create_string_buffer(b"x"))), ("prctl", 35, 1, 0, 0, 0),
    ("personality", 0x40000),
]
for name, *arguments in attempts:
    for position in range(len(arguments)):
        for garbage in [1 << 32, 0xDEADBEEF << 32, 1 << 63]:
            changed = list(arguments)
            changed[position] |= garbage
            before = os.getpid()
            result = libc.syscall(numbers[name], *(ctypes.c_long(value - (1 << 64) if value >> 63 else value) for value in changed))
            if os.getpid() != before:
                os._exit(7)
            if result >= 0:
                raise SystemExit(f"BROKEN: {name} {[hex(value) for value in changed]}: {result}")
print("HELD")
