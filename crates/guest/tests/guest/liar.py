"""A driver that lies. The first argument names the lie, told when the first execution comes."""

import json
import os
import socket
import struct
import sys
import time

sock = socket.socket(fileno=3)
FORGED = "exe_" + "f" * 32


def frame(header, payload=b""):
    encoded = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<II", len(encoded), len(payload)) + encoded + payload


def send(header, payload=b""):
    sock.sendall(frame(header, payload))


def bundle(execution, payload=b'{"text/plain":"x"}', **more):
    send({"t": "bundle", "execution": execution, "main": False, "display_id": None, "update": False, **more}, payload)


def done(execution):
    send({"t": "done", "execution": execution, "status": "ok", "exit_code": 0})


def linger():
    while True:
        time.sleep(60)


lie = sys.argv[1]
if lie == "never-ready":
    linger()
if lie == "dies-early":
    sys.exit("no such module: everything")
if lie == "executes-before-hello":
    done(FORGED)
    linger()
if lie == "failed":
    send({"t": "failed", "step": "drop bounding set 3", "errno": 1})
    sys.exit(1)
send({"t": "hello", "pid": os.getpid(), "walls": []})
if lie == "hello-twice":
    send({"t": "hello", "pid": 1, "walls": []})
    linger()
if lie == "done-before-execute":
    done(FORGED)
execution = None
received = b""
while execution is None:
    received += sock.recv(65536)
    if len(received) >= 8:
        header, payload = struct.unpack_from("<II", received)
        if len(received) >= 8 + header + payload:
            execution = json.loads(received[8 : 8 + header])["execution"]

if lie == "forged-ids":
    bundle(FORGED, b'{"text/plain":"forged"}')
    send({"t": "error", "execution": FORGED}, b'{"name":"Forged"}')
    done(FORGED)
    print("still here", flush=True)
    done(execution)
    linger()
elif lie == "truncated":
    sock.sendall(frame({"t": "done", "execution": execution, "status": "ok", "exit_code": 0})[:-5])
    sys.exit(0)
elif lie == "long-header":
    sock.sendall(struct.pack("<II", 1 << 20, 0))
elif lie == "long-payload":
    sock.sendall(struct.pack("<II", 10, 1 << 31))
elif lie == "deep-header":
    send(b"[" * 60000)
elif lie == "deep-bundle":
    bundle(execution, b'{"a":' + b"[" * (1 << 19))
elif lie == "bundle-of-numbers":
    bundle(execution, b'{"a":1}')
elif lie == "bad-error":
    send({"t": "error", "execution": execution}, b"[" * 100000)
elif lie == "unknown":
    send({"t": "give_me_root", "execution": execution})
elif lie == "not-json":
    send(b"\xff\xfe\x00")
elif lie == "payload-of-done":
    send({"t": "done", "execution": execution, "status": "ok", "exit_code": 0}, b"surprise")
elif lie == "forked-unasked":
    send({"t": "forked"}, b"{}")
elif lie == "long-name":
    bundle(execution, display_id="x" * 5000)
elif lie == "after-done":
    done(execution)
    for _ in range(10):
        bundle(execution, b'{"text/plain":"late"}')
        print("late", flush=True)
        done(execution)
    linger()
elif lie == "many-bundles":
    for _ in range(100000):
        bundle(execution)
        sock.setblocking(False)
        try:
            sock.recv(1 << 20)
        except BlockingIOError:
            pass
        sock.setblocking(True)
    done(execution)
    linger()
elif lie == "never-reads":
    for _ in range(100000):
        bundle(execution)
elif lie == "large-bundle":
    bundle(execution, b'{"text/plain":"' + b"x" * (20 << 20) + b'"}')
    bundle(execution, b'{"text/plain":"small"}')
    done(execution)
    linger()
elif lie == "closes":
    sock.close()
elif lie == "sends-descriptors":
    socket.send_fds(sock, [frame({"t": "done", "execution": execution, "status": "ok", "exit_code": 0})], [0] * 100)
    linger()
elif lie == "floods":
    data = b"x" * 65536
    for _ in range(4000):
        os.write(1, data)
    done(execution)
    linger()
else:
    sys.exit("unknown lie")
linger()
