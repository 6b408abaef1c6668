# promise: no address outside is reachable, and to try fails at once instead of waiting
# outcome: ok
import socket, time

start = time.monotonic()
for address in ["169.254.169.254", "169.254.170.2", "100.100.100.200", "10.0.0.1", "172.17.0.1", "192.168.1.1", "1.1.1.1", "8.8.8.8",
                "fd00:ec2::254", "2606:4700:4700::1111", "fe80::1%lo", "0.0.0.1", "224.0.0.1", "255.255.255.255"]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for kind in [socket.SOCK_STREAM, socket.SOCK_DGRAM]:
        try:
            with socket.socket(family, kind) as probe:
                probe.settimeout(2)
                probe.connect((address, 80))
                probe.send(b"GET / HTTP/1.0\r\n\r\n")
        except OSError:
            continue
        raise SystemExit(f"BROKEN: sent to {address}")
for name in ["example.org", "metadata.google.internal", "host.docker.internal", "kubernetes.default.svc"]:
    try:
        found = socket.getaddrinfo(name, 80)
    except OSError:
        continue
    raise SystemExit(f"BROKEN: {name} is {found}")
if time.monotonic() - start > 5:
    raise SystemExit("BROKEN: it took too long to learn that there is no network")
print("HELD")
