# promise: there is no network interface but loopback, and no route
# outcome: ok
import fcntl, os, socket, struct

names = [name for _, name in socket.if_nameindex()]
if set(names) - {"lo"}:
    raise SystemExit(f"BROKEN: {names}")
for path in ["/proc/net/route", "/proc/net/arp"]:
    try:
        lines = open(path).read().splitlines()[1:]
    except OSError:
        continue
    if lines:
        raise SystemExit(f"BROKEN: {path}: {lines}")
probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for request in [0x8914, 0x8916, 0x8924, 0x8922]:  # set flags, address, hardware address, MTU
    try:
        fcntl.ioctl(probe, request, struct.pack("16sH14s", b"lo", socket.AF_INET, b"\0\0\x0a\0\0\1"))
    except OSError:
        continue
    raise SystemExit(f"BROKEN: changed lo by {request:x}")
if os.path.exists("/dev/net/tun") and "gvisor" not in open("/proc/cmdline").read():
    raise SystemExit("BROKEN: /dev/net/tun")
print("HELD")
