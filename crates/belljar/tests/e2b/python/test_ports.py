"""Ports: a server that code starts is reached from outside, without a network."""

import base64
import hashlib
import os
import socket
import time
import unittest
import urllib.error
import urllib.request

from e2b_code_interpreter import Sandbox

SERVER = """
import asyncio, base64, hashlib

async def serve(reader, writer):
    head = await reader.readuntil(b"\\r\\n\\r\\n")
    lines = head.decode().split("\\r\\n")
    fields = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
    if fields.get("upgrade") == "websocket":
        key = [line.split(": ")[1] for line in lines if line.lower().startswith("sec-websocket-key")][0]
        accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
        writer.write(f"HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: {accept}\\r\\n\\r\\n".encode())
        while data := await reader.read(1000):
            writer.write(data[::-1])
    elif lines[0].startswith("GET /stream"):
        writer.write(b"HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n")
        for at in range(3):
            writer.write(b"2\\r\\n%d\\n\\r\\n" % at)
            await writer.drain()
            await asyncio.sleep(0.3)
        writer.write(b"0\\r\\n\\r\\n")
    else:
        body = await reader.readexactly(int(fields.get("content-length", 0)))
        text = lines[0].encode() + b"|" + body
        writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\nX-Own: yes\\r\\n\\r\\n" % len(text) + text)
    await writer.drain()
    writer.close()

async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 3000)
    print("listening", flush=True)
    await server.serve_forever()

asyncio.run(main())
"""


class Ports(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sandbox = Sandbox.create()
        cls.addClassCleanup(cls.sandbox.kill)
        cls.sandbox.files.write("server.py", SERVER)
        cls.sandbox.commands.run("python3 server.py", background=True)
        cls.url = os.environ["E2B_SANDBOX_URL"]
        for _ in range(100):
            try:
                cls.get("/")
                return
            except urllib.error.HTTPError as error:
                assert error.code == 502, error
                time.sleep(0.1)
        raise AssertionError("the server in the sandbox did not come up")

    @classmethod
    def get(cls, path, data=None, port=3000, by_host=False):
        headers = {"E2b-Sandbox-Id": cls.sandbox.sandbox_id, "E2b-Sandbox-Port": str(port)}
        if by_host:
            headers = {"Host": cls.sandbox.get_host(port)}
        return urllib.request.urlopen(urllib.request.Request(cls.url + path, data, headers))

    def test_by_header_and_by_host(self):
        for by_host in (False, True):
            with self.get("/some/path?q=1", b"posted", by_host=by_host) as answer:
                self.assertEqual(answer.read(), b"POST /some/path?q=1 HTTP/1.1|posted")
                self.assertEqual(answer.headers["X-Own"], "yes")

    def test_streams_come_as_they_are_said(self):
        began = time.monotonic()
        with self.get("/stream") as answer:
            self.assertEqual(answer.readline(), b"0\n")
            first = time.monotonic() - began
            self.assertEqual(answer.read(), b"1\n2\n")
        self.assertLess(first, time.monotonic() - began)

    def test_closed_ports(self):
        with self.assertRaises(urllib.error.HTTPError) as raised:
            self.get("/", port=3999)
        self.assertEqual(raised.exception.code, 502)
        self.assertIn(b"port is not open", raised.exception.read())

    def test_websocket(self):
        host, port = self.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), 10) as stream:
            key = base64.b64encode(os.urandom(16)).decode()
            head = (
                f"GET /ws HTTP/1.1\r\nHost: {self.sandbox.get_host(3000)}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
            )
            stream.sendall(head.encode())
            answer = b""
            while b"\r\n\r\n" not in answer:
                answer += stream.recv(1000)
            accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest())
            self.assertIn(b" 101 ", answer)
            self.assertIn(accept, answer)
            stream.sendall(b"abc")
            self.assertEqual(stream.recv(1000), b"cba")


if __name__ == "__main__":
    unittest.main()
