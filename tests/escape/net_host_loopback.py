# promise: servers that listen on the host's loopback cannot be reached: ours is another, empty loopback
# outcome: ok
import socket

for family, table in [(socket.AF_INET, "/proc/net/tcp"), (socket.AF_INET6, "/proc/net/tcp6")]:
    try:
        lines = open(table).read().splitlines()[1:]
    except OSError:
        lines = []
    if lines:
        raise SystemExit(f"BROKEN: {table} shows {lines[0]}")
    for port in [22, 25, 53, 80, 111, 443, 631, 2375, 2376, 3000, 3306, 5000, 5432, 6379, 6443, 8000, 8080, 8443, 9090, 9200, 10250,
                 11211, 27017, 49999]:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.settimeout(0.5)
            address = "127.0.0.1" if family == socket.AF_INET else "::1"
            if probe.connect_ex((address, port)) == 0:
                raise SystemExit(f"BROKEN: {address}:{port} answers")
print("HELD")
