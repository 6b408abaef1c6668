# promise: no other protocol of the kernel can be laid over a TCP connection
# outcome: ok
import socket

server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
peer, _ = server.accept()
for connection in [client, peer]:
    for name in [b"tls", b"espintcp", b"mptcp", b"smc"]:
        try:
            connection.setsockopt(socket.IPPROTO_TCP, 31, name)
        except OSError:
            continue
        raise SystemExit(f"BROKEN: {name} over TCP")
print("HELD")
