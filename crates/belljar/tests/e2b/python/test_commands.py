"""Processes: in the foreground and behind, fed, listed, attached to, ended; terminals."""

import asyncio
import time
import unittest

from both import both, done, since
from e2b import PtySize
from e2b.exceptions import AuthenticationException, InvalidArgumentException, NotFoundException, SandboxException, TimeoutException
from e2b_code_interpreter import AsyncSandbox, Sandbox
from e2b import CommandExitException


@both
class Commands:
    async def test_output_and_end(self):
        sandbox = await self.create()
        out, err = [], []
        ran = await done(sandbox.commands.run("echo out; echo größe 😀 >&2", on_stdout=out.append, on_stderr=err.append))
        self.assertEqual((ran.stdout, ran.stderr, ran.exit_code, ran.error or None), ("out\n", "größe 😀\n", 0, None))
        self.assertEqual(("".join(out), "".join(err)), ("out\n", "größe 😀\n"))
        with self.assertRaises(CommandExitException) as raised:
            await done(sandbox.commands.run("echo bad >&2; exit 7"))
        self.assertEqual((raised.exception.exit_code, raised.exception.stderr), (7, "bad\n"))
        with self.assertRaises(CommandExitException) as raised:
            await done(sandbox.commands.run("no-such-program"))
        self.assertEqual(raised.exception.exit_code, 127)

    async def test_where_and_as_whom(self):
        sandbox = await self.create()
        await done(sandbox.commands.run("mkdir -p deep/er"))
        ran = await done(sandbox.commands.run("pwd; echo $A", cwd="deep/er", envs={"A": "b c"}))
        self.assertEqual(ran.stdout, "/home/user/deep/er\nb c\n")
        ran = await done(sandbox.commands.run("echo $USER $HOME", user="root"))
        self.assertEqual(ran.stdout, "root /root\n")
        with self.assertRaises(InvalidArgumentException):
            await done(sandbox.commands.run("pwd", cwd="/no/such/place"))
        with self.assertRaises(AuthenticationException):
            await done(sandbox.commands.run("pwd", user="nobody-we-know"))

    async def test_behind(self):
        sandbox = await self.create()
        out = []
        handle = await done(sandbox.commands.run("for i in 1 2 3; do echo $i; sleep 0.1; done", background=True))
        self.assertGreater(handle.pid, 1)
        listed = {one.pid: one for one in await done(sandbox.commands.list())}
        self.assertEqual(listed[handle.pid].cmd, "/bin/bash")
        self.assertEqual(listed[handle.pid].args[:2], ["-l", "-c"])
        ran = await done(handle.wait()) if self.Sandbox is AsyncSandbox else handle.wait(on_stdout=out.append)
        self.assertEqual(ran.stdout, "1\n2\n3\n")
        self.assertNotIn(handle.pid, [one.pid for one in await done(sandbox.commands.list())])

    async def test_ended_with_all_it_started(self):
        sandbox = await self.create()
        handle = await done(sandbox.commands.run("sleep 1000 & sleep 1000", background=True))
        self.assertTrue(await done(handle.kill()))
        # What a killed command had started belongs to nobody who waits for it, so its end may come a moment later.
        count = "for i in $(seq 500); do pgrep sleep >/dev/null || break; done; pgrep -c sleep || true"
        ran = await done(sandbox.commands.run(f"kill -0 {handle.pid} 2>/dev/null && echo there || echo gone; {count}"))
        self.assertEqual(ran.stdout, "gone\n0\n")
        self.assertFalse(await done(sandbox.commands.kill(handle.pid)))
        with self.assertRaises(CommandExitException) as raised:
            await done(handle.wait())
        self.assertEqual(raised.exception.exit_code, -1)

    @since(2, 46)
    async def test_fed(self):
        sandbox = await self.create()
        handle = await done(sandbox.commands.run("cat", background=True, stdin=True))
        await done(sandbox.commands.send_stdin(handle.pid, "hello "))
        await done(sandbox.commands.send_stdin(handle.pid, "größe\n"))
        await done(sandbox.commands.close_stdin(handle.pid))
        self.assertEqual((await done(handle.wait())).stdout, "hello größe\n")

    @since(2, 46)
    async def test_fed_bytes(self):
        sandbox = await self.create()
        handle = await done(sandbox.commands.run("sha256sum", background=True, stdin=True))
        every = bytes(range(256)) * 512
        await done(sandbox.commands.send_stdin(handle.pid, every))
        await done(sandbox.commands.close_stdin(handle.pid))
        import hashlib

        self.assertEqual((await done(handle.wait())).stdout.split()[0], hashlib.sha256(every).hexdigest())

    async def test_attached_to_again(self):
        sandbox = await self.create()
        handle = await done(sandbox.commands.run("sleep 0.5; echo late", background=True))
        await done(handle.disconnect())
        again = await done(sandbox.commands.connect(handle.pid))
        self.assertEqual((await done(again.wait())).stdout, "late\n")
        with self.assertRaises(NotFoundException):
            await done(sandbox.commands.connect(999_999))

    async def test_time_runs_out(self):
        sandbox = await self.create()
        began = time.monotonic()
        with self.assertRaises(TimeoutException):
            await done(sandbox.commands.run("sleep 60", timeout=1))
        self.assertLess(time.monotonic() - began, 20)
        for _ in range(50):
            if (await done(sandbox.commands.run("pgrep -c sleep || true"))).stdout == "0\n":
                break
            await asyncio.sleep(0.1)
        self.assertEqual((await done(sandbox.commands.run("pgrep -c sleep || true"))).stdout, "0\n")

    async def test_much_output(self):
        sandbox = await self.create()
        count = 0

        def take(text):
            nonlocal count
            count += len(text)

        await done(sandbox.commands.run("head -c 20000000 /dev/zero | tr '\\0' x", on_stdout=take, timeout=120))
        self.assertEqual(count, 20_000_000)

    @since(2, 46)
    async def test_killed_in_the_middle(self):
        sandbox = await self.create()
        handle = await done(sandbox.commands.run("while :; do echo x; sleep 0.05; done", background=True))
        other = await done(self.Sandbox.connect(sandbox.sandbox_id))
        await done(other.kill())
        with self.assertRaises(TimeoutException) as raised:
            await done(handle.wait())
        self.assertIn("killed", str(raised.exception))

    async def test_git(self):
        sandbox = await self.create()
        ran = await done(sandbox.commands.run("git init -q r && cd r && git -c user.email=a@b -c user.name=c commit -q --allow-empty -m first && git log --oneline | wc -l"))
        self.assertEqual(ran.stdout.strip(), "1")


class WaitingTerminals(unittest.TestCase):
    def test_terminal(self):
        sandbox = Sandbox.create()
        self.addCleanup(sandbox.kill)
        shown = []
        handle = sandbox.pty.create(PtySize(rows=24, cols=80))
        sandbox.pty.send_stdin(handle.pid, b"stty size; tty >/dev/null && echo is-a-tty\n")
        sandbox.pty.resize(handle.pid, PtySize(rows=40, cols=132))
        sandbox.pty.send_stdin(handle.pid, b"sleep 0.3; stty size; echo $TERM; exit 3\n")
        with self.assertRaises(CommandExitException) as raised:
            handle.wait(on_pty=lambda data: shown.append(data))
        self.assertEqual(raised.exception.exit_code, 3)
        text = b"".join(shown).decode()
        for expected in ("is-a-tty", "40 132", "xterm-256color"):
            self.assertIn(expected, text)

    def test_terminal_is_killed(self):
        sandbox = Sandbox.create()
        self.addCleanup(sandbox.kill)
        handle = sandbox.pty.create(PtySize(rows=24, cols=80))
        self.assertTrue(sandbox.pty.kill(handle.pid))
        self.assertFalse(sandbox.pty.kill(handle.pid))


class AwaitedTerminals(unittest.IsolatedAsyncioTestCase):
    async def test_terminal(self):
        sandbox = await AsyncSandbox.create()
        shown = []
        try:
            handle = await sandbox.pty.create(PtySize(rows=24, cols=80), on_data=shown.append)
            await sandbox.pty.send_stdin(handle.pid, b"echo $((6*7)); stty size; exit\n")
            await handle.wait()
            text = b"".join(shown).decode()
            self.assertIn("42", text)
            self.assertIn("24 80", text)
        finally:
            await sandbox.kill()


if __name__ == "__main__":
    unittest.main()
