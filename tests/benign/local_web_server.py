# promise: a web server and its client work over the sandbox's own loopback
# outcome: ok
import http.server, socket, threading, urllib.request

class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.path.encode())

    def log_message(self, *_):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hello)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://localhost:{server.server_port}/hello"
assert urllib.request.urlopen(address, timeout=5).read() == b"/hello"
server.shutdown()
left, right = socket.socketpair()
left.sendall(b"x" * 100_000)
assert len(right.recv(200_000)) > 0
assert socket.gethostbyname("localhost") == "127.0.0.1" and socket.gethostname()
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("127.0.0.1", 0))
udp.sendto(b"ping", udp.getsockname())
assert udp.recv(10) == b"ping"
print("WORKS")
