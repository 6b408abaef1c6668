# promise: no raw packets: neither to forge nor to listen
# outcome: ok
import socket

for family in [socket.AF_INET, socket.AF_INET6]:
    for kind in [socket.SOCK_RAW, socket.SOCK_RDM, socket.SOCK_SEQPACKET, 6, 10]:
        for protocol in [0, 1, 6, 17, 58, 132, 255]:
            try:
                socket.socket(family, kind, protocol)
            except OSError:
                continue
            raise SystemExit(f"BROKEN: socket({family}, {kind}, {protocol})")
    for protocol in [1, 58, 33, 132, 136, 262]:  # ICMP by datagram, ICMPv6, DCCP, SCTP, UDP-Lite, MPTCP
        for kind in [socket.SOCK_STREAM, socket.SOCK_DGRAM]:
            try:
                socket.socket(family, kind, protocol)
            except OSError:
                continue
            raise SystemExit(f"BROKEN: socket({family}, {kind}, {protocol})")
print("HELD")
