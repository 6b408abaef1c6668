# promise: nothing can be typed into a terminal, and no line discipline chosen
# outcome: ok
import ctypes, fcntl, os, struct

master, slave = os.openpty()
attempts = {"TIOCSTI": (0x5412, b"x"), "TIOCLINUX": (0x541C, b"\x02" * 16), "TIOCSETD": (0x5423, struct.pack("i", 21)),
            "TIOCCONS": (0x541D, b"\0" * 8)}
for name, (request, argument) in attempts.items():
    for terminal in [slave, master, 0, 1, 2]:
        try:
            fcntl.ioctl(terminal, request, argument)
        except OSError:
            continue
        raise SystemExit(f"BROKEN: {name} worked")
print("HELD")
