# promise: of all socket families only UNIX, INET, INET6 and routing queries exist: no VSOCK, ALG, PACKET, BLUETOOTH, …
# outcome: ok
import socket

open_here = {socket.AF_UNIX, socket.AF_INET, socket.AF_INET6}
for family in range(0, 64):
    for kind in [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET]:
        for protocol in range(0, 33) if family == socket.AF_NETLINK else [0, 1, 3, 768]:
            if family in open_here or (family, protocol) == (socket.AF_NETLINK, 0):
                continue
            try:
                socket.socket(family, kind, protocol)
            except OSError:
                continue
            raise SystemExit(f"BROKEN: socket({family}, {kind}, {protocol})")
for family in range(2, 64):
    try:
        socket.socketpair(family, socket.SOCK_DGRAM)
    except OSError:
        continue
    raise SystemExit(f"BROKEN: socketpair({family})")
print("HELD")
