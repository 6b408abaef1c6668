# promise: the clock and the names of the machine cannot be set
# outcome: ok
import ctypes, errno, os

libc = ctypes.CDLL(None, use_errno=True)
numbers = {
    "x86_64": dict(settimeofday=164, clock_settime=227, clock_adjtime=305, adjtimex=159, sethostname=170, setdomainname=171),
    "aarch64": dict(settimeofday=170, clock_settime=112, clock_adjtime=266, adjtimex=171, sethostname=161, setdomainname=162),
}[os.uname().machine]
time = (ctypes.c_long * 2)(0, 0)
change = (ctypes.c_uint32 * 64)(0x4000, 0, 10000)  # ADJ_TICK
arguments = dict(settimeofday=(time, 0), clock_settime=(0, time), clock_adjtime=(0, change), adjtimex=(change,),
                 sethostname=(b"mine", 4), setdomainname=(b"mine", 4))
for name, number in numbers.items():
    if libc.syscall(number, *arguments[name]) >= 0:
        raise SystemExit(f"BROKEN: {name} worked")
    if ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS):
        raise SystemExit(f"BROKEN: {name} got through: {errno.errorcode[ctypes.get_errno()]}")
print("HELD")
