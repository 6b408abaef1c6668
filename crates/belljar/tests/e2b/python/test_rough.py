"""Clients that are slow, that go, that come by dozens; sandboxes that end in the middle."""

import asyncio
import json
import os
import socket
import struct
import threading
import time
import unittest

from both import both, done
from e2b.exceptions import NotFoundException, SandboxException, TimeoutException
from e2b_code_interpreter import AsyncSandbox, Sandbox

MIB = 1 << 20


def stream(sandbox, port, path, body, kind, receive_buffer=None):
    """Sends a request without the SDK; gives the connection, from which nothing was read."""
    host, at = os.environ["E2B_SANDBOX_URL"].removeprefix("http://").split(":")
    connection = socket.socket()
    if receive_buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.settimeout(60)
    connection.connect((host, int(at)))
    head = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nE2b-Sandbox-Id: {sandbox.sandbox_id}\r\nE2b-Sandbox-Port: {port}\r\n"
        f"X-Access-Token: {sandbox._envd_access_token}\r\nAuthorization: Basic dXNlcjo=\r\nConnect-Protocol-Version: 1\r\n"
        f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    connection.sendall(head.encode() + body)
    return connection


def command(sandbox, line, receive_buffer=None):
    order = json.dumps({"process": {"cmd": "/bin/bash", "args": ["-c", line]}}).encode()
    envelope = struct.pack(">BI", 0, len(order)) + order
    return stream(sandbox, 49983, "/process.Process/Start", envelope, "application/connect+json", receive_buffer)


def cell(sandbox, code):
    return stream(sandbox, 49999, "/execute", json.dumps({"code": code}).encode(), "application/json")


@both
class Rough:
    async def test_ten_thousand_small_files(self):
        sandbox = await self.create()
        entries = [{"path": f"small/{at % 100}/{at}.txt", "data": str(at)} for at in range(10_000)]
        wrote = await done(sandbox.files.write_files(entries, request_timeout=300))
        self.assertEqual(len(wrote), 10_000)
        ran = await done(sandbox.commands.run("find small -type f | wc -l; cat small/*/* | wc -c"))
        self.assertEqual(ran.stdout, f"10000\n{sum(len(str(at)) for at in range(10_000))}\n")
        listed = await done(sandbox.files.list("small", depth=2))
        self.assertEqual(len(listed), 10_100)
        await done(sandbox.files.remove("small"))
        self.assertFalse(await done(sandbox.files.exists("small")))

    async def test_killed_while_a_cell_speaks(self):
        sandbox = await self.create()
        heard, failed = threading.Event(), []
        code = "import time\nwhile True:\n    print('x', flush=True)\n    time.sleep(0.05)"

        async def speak():
            try:
                await done(sandbox.run_code(code, on_stdout=lambda line: heard.set()))
            except Exception as error:
                failed.append(error)

        speaking = threading.Thread(target=lambda: asyncio.run(speak())) if self.Sandbox is Sandbox else None
        task = speaking.start() if speaking else asyncio.create_task(speak())
        while not heard.is_set():
            await asyncio.sleep(0.05)
        began = time.monotonic()
        self.assertTrue(await done(self.Sandbox.kill(sandbox.sandbox_id)))
        await (asyncio.to_thread(speaking.join) if speaking else task)
        self.assertLess(time.monotonic() - began, 10)
        self.assertIsInstance(failed[0], (TimeoutException, NotFoundException, SandboxException))

    async def test_many_things_in_one_sandbox(self):
        sandbox = await self.create()
        clients = [await done(self.Sandbox.connect(sandbox.sandbox_id)) for _ in range(4)]

        async def one(at, client):
            ran = await done(client.commands.run(f"echo {at} > {at}.txt; sleep 0.2; cat {at}.txt"))
            context = await done(client.create_code_context())
            await done(client.run_code(f"mine = {at}", context=context))
            code = await done(client.run_code("mine * 2", context=context))
            return ran.stdout.strip(), code.text, await done(client.files.read(f"{at}.txt"))

        if self.Sandbox is AsyncSandbox:
            got = await asyncio.gather(*(one(at, client) for at, client in enumerate(clients)))
        else:
            each = (asyncio.to_thread(lambda at=at, client=client: asyncio.run(one(at, client))) for at, client in enumerate(clients))
            got = await asyncio.gather(*each)
        self.assertEqual(got, [(str(at), str(at * 2), f"{at}\n") for at in range(4)])


class Connections(unittest.TestCase):
    def setUp(self):
        self.sandbox = Sandbox.create()
        self.addCleanup(self.sandbox.kill)

    def test_slow_readers(self):
        """Whoever does not read stops what writes, and nothing else; all of it comes in the end."""
        slow = command(self.sandbox, f"head -c {64 * MIB} /dev/zero; echo wrote >> done.txt", receive_buffer=4096)
        self.addCleanup(slow.close)
        time.sleep(1)
        self.assertFalse(self.sandbox.files.exists("done.txt"))
        self.assertEqual(self.sandbox.commands.run("echo fine").stdout, "fine\n")
        self.assertEqual(self.sandbox.run_code("6 * 7").text, "42")
        # Base64 of zeros, in messages of their own.
        zeros, piece = 0, b"x"
        while piece:
            piece = slow.recv(MIB)
            zeros += piece.count(b"A")
        self.assertGreaterEqual(zeros, 64 * MIB * 4 // 3)
        self.assertEqual(self.sandbox.files.read("done.txt"), "wrote\n")

    def test_whoever_goes_leaves_the_command_running(self):
        gone = command(self.sandbox, "sleep 1; echo on > on.txt; exec sleep 1000")
        self.assertIn(b"200 OK", gone.recv(100))
        gone.close()
        for _ in range(100):
            if self.sandbox.files.exists("on.txt"):
                break
            time.sleep(0.05)
        [left] = [one for one in self.sandbox.commands.list() if one.args[-1].endswith("1000")]
        self.assertTrue(self.sandbox.commands.kill(left.pid))

    def test_whoever_goes_ends_the_cell_and_keeps_the_state(self):
        self.sandbox.run_code("kept = 41")
        for until in (None, b"number_of_executions", b"it runs"):
            with self.subTest(until=until):
                gone = cell(self.sandbox, "import time\nprint('it', 'runs', flush=True)\ntime.sleep(1000)")
                heard = b""
                while until and until not in heard:
                    heard += gone.recv(1000)
                gone.close()
                began = time.monotonic()
                ran = self.sandbox.run_code("kept + 1")
                self.assertEqual((ran.text, ran.error), ("42", None))
                self.assertLess(time.monotonic() - began, 20)

    def test_half_a_request(self):
        host, at = os.environ["E2B_SANDBOX_URL"].removeprefix("http://").split(":")
        with socket.create_connection((host, int(at)), 10) as half:
            head = f"POST /files?path=half.bin HTTP/1.1\r\nHost: x\r\nE2b-Sandbox-Id: {self.sandbox.sandbox_id}\r\nE2b-Sandbox-Port: 49983\r\n"
            head += f"X-Access-Token: {self.sandbox._envd_access_token}\r\nContent-Type: application/octet-stream\r\nContent-Length: 1000000\r\n\r\n"
            half.sendall(head.encode() + b"x" * 1000)
        # Written in place, as there: what came is there, and the file can be written again.
        self.sandbox.files.write("half.bin", "whole")
        self.assertEqual(self.sandbox.files.read("half.bin"), "whole")

    def test_connections_to_ports_end_with_the_sandbox(self):
        self.sandbox.commands.run(
            "python3 -c 'import socket; s = socket.create_server((\"127.0.0.1\", 3000)); print(flush=True); c = s.accept()[0]; c.recv(9)'"
            " & sleep 1",
            background=True,
        )
        time.sleep(1)
        waiting = stream(self.sandbox, 3000, "/", b"", "text/plain")
        time.sleep(0.3)
        self.sandbox.kill()
        waiting.settimeout(10)
        try:
            answer = waiting.recv(1000)
        except ConnectionResetError:
            answer = b""
        self.assertNotIn(b"200 OK", answer)


if __name__ == "__main__":
    unittest.main()
