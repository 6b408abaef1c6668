# promise: pseudo-terminals work, for programs that only talk to one
# outcome: ok
# shared-kernel-only: gVisor of 2022 does not end a terminal whose last process has ended
import fcntl, os, pty, struct, termios

master, slave = pty.openpty()
assert os.isatty(slave) and os.ttyname(slave).startswith("/dev/pts/")
fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 132, 0, 0))
settings = termios.tcgetattr(slave)
settings[3] &= ~termios.ECHO
termios.tcsetattr(slave, termios.TCSANOW, settings)
pid, terminal = pty.fork()
if pid == 0:
    os.execvp("sh", ["sh", "-c", "test -t 0 && test -t 1 && echo a terminal"])
text = b""
try:
    while chunk := os.read(terminal, 1024):
        text += chunk
except OSError:
    pass
os.waitpid(pid, 0)
assert b"a terminal" in text, text
print("WORKS")
