# promise: no descriptor of the host leaks into the interpreter
# outcome: ok
import os, socket, stat

inside = ("/workspace", "/tmp", "/home/user", "/dev/null", "/dev/urandom", "/dev/pts/", "/.belljar", "/usr", "/etc", "/proc/")
for name in os.listdir("/proc/self/fd"):
    try:
        link, found = os.readlink(f"/proc/self/fd/{name}"), os.fstat(int(name))
    except OSError:
        continue
    print(name, link)
    if stat.S_ISDIR(found.st_mode) and not link.startswith(inside):
        raise SystemExit(f"BROKEN: {name} is the directory {link}")
    if link.startswith("/") and not (link == "/" or link.startswith(inside)) or "(unreachable)" in link:
        raise SystemExit(f"BROKEN: {name} is {link}")
    if link.startswith("anon_inode:") and "pidfd" in link or "landlock" in link:
        raise SystemExit(f"BROKEN: {name} is {link}")
    if stat.S_ISSOCK(found.st_mode):
        family = socket.socket(fileno=os.dup(int(name))).getsockopt(socket.SOL_SOCKET, socket.SO_DOMAIN)
        if family != socket.AF_UNIX:
            raise SystemExit(f"BROKEN: {name} is a socket of family {family}")
print("HELD")
