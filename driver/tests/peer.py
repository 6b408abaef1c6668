"""Plays the guest: starts a real driver, sends it code, collects what comes back."""

import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PREFIX = struct.Struct("<II")


class Closed(Exception):
    """The driver ended its stream."""


class Reply:
    """Everything that one execution sent back."""

    def __init__(self):
        self.bundles = []
        self.errors = []
        self.done = None
        self.stdout = ""
        self.stderr = ""
        self.seconds = 0.0

    @property
    def status(self):
        """The status of `done`."""
        return self.done["status"]

    @property
    def exit_code(self):
        """The exit code of `done`."""
        return self.done["exit_code"]

    @property
    def main(self):
        """The text/plain of the last expression's value, or None."""
        found = [body.get("text/plain") for header, body in self.bundles if header["main"]]
        return found[-1] if found else None

    @property
    def error(self):
        """The only error."""
        assert len(self.errors) == 1, self.errors
        return self.errors[0]


class Reader(threading.Thread):
    """Drains a pipe, so that a driver that prints much is not blocked."""

    def __init__(self, descriptor):
        super().__init__(daemon=True)
        self.descriptor = descriptor
        self.content = bytearray()
        self.start()

    def run(self):
        """Read to the end."""
        while chunk := os.read(self.descriptor, 1 << 16):
            self.content += chunk
        os.close(self.descriptor)

    def text(self):
        """Wait for the end and return all."""
        self.join(20)
        return self.content.decode("utf-8", "replace")


def read_exactly(sock, count):
    """Return `count` bytes from a stream socket."""
    content = bytearray()
    while len(content) < count:
        chunk = sock.recv(count - len(content))
        if not chunk:
            raise Closed
        content += chunk
    return bytes(content)


class Peer:
    """The guest's end of one driver's socket."""

    def __init__(self, sock, pid, passes_streams=True):
        self.sock = sock
        self.pid = pid
        self.passes_streams = passes_streams
        self.count = 0
        self.hello = self.receive()[0]
        assert self.hello["t"] == "hello", self.hello

    def receive(self):
        """Return one frame."""
        header_bytes, payload_bytes = PREFIX.unpack(read_exactly(self.sock, PREFIX.size))
        header = json.loads(read_exactly(self.sock, header_bytes))
        return header, read_exactly(self.sock, payload_bytes)

    def send(self, header, payload=b"", descriptors=()):
        """Send one frame, descriptors with its first byte."""
        encoded = json.dumps(header, ensure_ascii=False).encode()
        data = PREFIX.pack(len(encoded), len(payload)) + encoded + payload
        if descriptors:
            sent = socket.send_fds(self.sock, [data], list(descriptors))
            data = data[sent:]
        self.sock.sendall(data)

    def start(self, code, env=None):
        """Send an execute frame; return the readers of its streams."""
        self.count += 1
        payload = code if isinstance(code, bytes) else code.encode()
        header = {"t": "execute", "execution": f"exe_{self.count}"}
        if env is not None:
            header["env"] = env
        if not self.passes_streams:
            self.send(header, payload)
            return ()
        (out_read, out_write), (error_read, error_write) = os.pipe(), os.pipe()
        self.send(header, payload, (out_write, error_write))
        os.close(out_write)
        os.close(error_write)
        return Reader(out_read), Reader(error_read)

    def finish(self, readers=()):
        """Collect frames up to `done`."""
        reply = Reply()
        while True:
            header, payload = self.receive()
            assert header["execution"] == f"exe_{self.count}", header
            if header["t"] == "begun":
                continue
            if header["t"] == "done":
                reply.done = header
                break
            if header["t"] == "bundle":
                reply.bundles.append((header, json.loads(payload)))
            elif header["t"] == "error":
                reply.errors.append(json.loads(payload))
            else:
                raise AssertionError(header)
            self.send({"t": "ack"})
        if readers:
            reply.stdout, reply.stderr = (reader.text() for reader in readers)
        return reply

    def run(self, code, env=None):
        """Execute code and return its `Reply`."""
        begin = time.perf_counter()
        reply = self.finish(self.start(code, env))
        reply.seconds = time.perf_counter() - begin
        return reply

    def run_interrupted(self, code, after_seconds, env=None):
        """Execute code, send SIGINT to the driver's group, return the `Reply`."""
        readers = self.start(code, env)
        time.sleep(after_seconds)
        self.interrupt()
        return self.finish(readers)

    def interrupt(self):
        """SIGINT to the driver's process group."""
        os.killpg(self.pid, signal.SIGINT)


def environment(home):
    """Return the environment that a guest gives a driver."""
    return {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": home, "LANG": "C.UTF-8",
        "MPLCONFIGDIR": os.path.join(home, "mpl"),
    }


def end(process, home):
    """Wait until a process whose socket was closed has ended, remove its home, return its exit code."""
    try:
        code = process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        code = process.wait()
    shutil.rmtree(home, ignore_errors=True)
    return code


class PythonProcess:
    """A fresh Python driver in a folder of its own."""

    script = "driver.py"

    def __init__(self):
        self.home = tempfile.mkdtemp(prefix="belljar-test-")
        ours, theirs = socket.socketpair()
        self.process = subprocess.Popen(
            ["sh", "-c", 'exec "$@" 3<&"$SOCKET"', "sh", sys.executable, "-I", "-B",
             os.path.join(FOLDER, self.script)],
            pass_fds=[theirs.fileno()], cwd=self.home, stdin=subprocess.DEVNULL,
            env={**environment(self.home), "SOCKET": str(theirs.fileno())},
            start_new_session=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        theirs.close()
        ours.settimeout(60)
        self.peer = Peer(ours, self.process.pid)

    def close(self):
        """End the driver and return its exit code."""
        self.peer.sock.close()
        return end(self.process, self.home)


class Zygote:
    """A real zygote; the test plays the jailer and the guest (no namespaces, `enter: []`)."""

    def __init__(self, preload="", steps=()):
        self.home = tempfile.mkdtemp(prefix="belljar-test-")
        self.jailer, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.process = subprocess.Popen(
            ["sh", "-c", 'exec "$@" 3<&"$SOCKET"', "sh", sys.executable, "-I", "-B",
             os.path.join(FOLDER, "zygote.py"), preload],
            pass_fds=[theirs.fileno()], cwd="/", stdin=subprocess.DEVNULL,
            env={**environment(self.home), "SOCKET": str(theirs.fileno())},
            start_new_session=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        theirs.close()
        self.jailer.settimeout(120)
        self.sockets = [self.jailer]
        self.ready = json.loads(self.jailer.recv(1 << 16))
        self.count = 0
        self.room = self.open_room("sbx_1", steps)

    def open_room(self, name, steps=(), pidfd=None):
        """Register a room and return the guest's end of its socket."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        names = ["socket"] if pidfd is None else ["socket", "room"]
        message = {"t": "room", "room": name, "enter": list(steps), "fds": names}
        descriptors = [theirs.fileno(), pidfd][: len(names)]
        socket.send_fds(self.jailer, [json.dumps(message).encode()], descriptors)
        theirs.close()
        ours.settimeout(60)
        self.sockets.append(ours)
        return ours

    def ask_fork(self, room=None, env=None, ahead=False):
        """Ask for a context; return (its id, our end of the driver's socket)."""
        self.count += 1
        name = f"ctx_{self.count}"
        ours, theirs = socket.socketpair()
        message = {
            "t": "fork", "context": name, "cwd": self.home, "fds": ["driver"],
            "env": {**environment(self.home), **(env or {})}, "ahead": ahead,
        }
        socket.send_fds(room or self.room, [json.dumps(message).encode()], [theirs.fileno()])
        theirs.close()
        ours.settimeout(60)
        self.sockets.append(ours)
        return name, ours

    def told(self, room=None):
        """Return the next message on a room's socket."""
        return json.loads((room or self.room).recv(1 << 16))

    def fork(self, room=None, env=None, ahead=False):
        """Return the `Peer` of a new context."""
        name, ours = self.ask_fork(room, env, ahead)
        told = self.told(room)
        while told["t"] == "exited":
            told = self.told(room)
        assert told == {"t": "forked", "context": name}, told
        peer = Peer(ours, 0)
        peer.pid = peer.hello["pid"]
        peer.name = name
        return peer

    def close(self):
        """End the zygote and return its exit code."""
        for sock in self.sockets:
            sock.close()
        return end(self.process, self.home)
