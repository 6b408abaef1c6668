# promise: user, groups and capabilities can only shrink, and are nothing already (but a right to change one's own root)
# outcome: ok
import ctypes, os

if 0 in os.getresuid() or 0 in os.getresgid() or 0 in os.getgroups():
    raise SystemExit("BROKEN: root")
status = dict(line.rstrip("\n").split(":\t", 1) for line in open("/proc/self/status") if ":\t" in line)
CHROOT = 1 << 18  # for forks of a context: permitted, not in effect
for name in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]:
    bits = int(status.get(name, "0") if name == "CapAmb" else status[name], 16)  # not every kernel has ambient ones
    if bits & ~CHROOT or bits and name not in ("CapPrm", "CapBnd"):
        raise SystemExit(f"BROKEN: {name} is {status[name]}")
for attempt in [lambda: os.setuid(0), lambda: os.setresuid(0, 0, 0), lambda: os.setgid(0), lambda: os.setresgid(0, 0, 0),
                lambda: os.setgroups([0]), lambda: os.setuid(1), lambda: os.setreuid(0, 0), lambda: os.seteuid(0)]:
    try:
        attempt()
    except OSError:
        continue
    raise SystemExit("BROKEN: became somebody else")
libc = ctypes.CDLL(None, use_errno=True)
capset = {"x86_64": 126, "aarch64": 91}[os.uname().machine]
header = (ctypes.c_uint32 * 2)(0x20080522, 0)
for bits in [1 << 21, 0xFFFFFFFF, 1 << 7]:
    wanted = (ctypes.c_uint32 * 6)(bits, bits, bits, 0, 0, 0)
    if libc.syscall(capset, header, wanted) == 0:
        raise SystemExit(f"BROKEN: got capabilities {bits:x}")
for option, arguments in [(47, (2, 21, 0, 0)), (28, (0, 0, 0, 0)), (8, (1, 0, 0, 0))]:  # ambient raise, securebits, keepcaps
    libc.prctl(option, *arguments)
if int(next(line for line in open("/proc/self/status") if line.startswith("CapEff")).split()[1], 16):
    raise SystemExit("BROKEN: capabilities")
print("HELD")
