"""Sandboxes: made, found, listed, kept longer, ended."""

import asyncio
import datetime
import os
import unittest
import uuid

from both import both, done, since
from e2b_code_interpreter import AsyncSandbox
from e2b.exceptions import AuthenticationException, NotFoundException, SandboxException, TimeoutException


async def items(paginator):
    found = []
    while paginator.has_next:
        found += await done(paginator.next_items())
    return found


@both
class Sandboxes:
    async def test_made_used_and_ended(self):
        sandbox = await self.create()
        self.assertTrue(await done(sandbox.is_running()))
        self.assertEqual((await done(sandbox.run_code("1 + 1"))).text, "2")
        info = await done(sandbox.get_info())
        self.assertEqual((info.sandbox_id, info.template_id), (sandbox.sandbox_id, "code-interpreter-v1"))
        self.assertGreaterEqual(info.cpu_count, 1)
        self.assertGreater(info.memory_mb, 100)
        left = info.end_at - datetime.datetime.now(datetime.timezone.utc)
        self.assertTrue(200 < left.total_seconds() <= 300, left)
        self.assertTrue(await done(sandbox.kill()))
        self.assertFalse(await done(sandbox.kill()))
        self.assertFalse(await done(sandbox.is_running()))

    async def test_what_is_dead_says_so_at_once(self):
        sandbox = await self.create()
        await done(sandbox.kill())
        for call in (
            lambda: sandbox.run_code("1"),
            lambda: sandbox.commands.run("true"),
            lambda: sandbox.files.list("/"),
            lambda: sandbox.files.read("x"),
            lambda: sandbox.files.write("x", "y"),
        ):
            with self.assertRaises(TimeoutException) as raised:
                await done(call())
            self.assertIn("not found", str(raised.exception))
        for call in (lambda: sandbox.get_info(), lambda: sandbox.set_timeout(10), lambda: sandbox.connect()):
            with self.assertRaises(NotFoundException):
                await done(call())

    async def test_environment_and_metadata(self):
        own = uuid.uuid4().hex
        notes = {"own": own, "größe & more=": "v x/ü&=+%"}
        sandbox = await self.create(envs={"COLOUR": "blue"}, metadata=notes)
        self.assertEqual((await done(sandbox.get_info())).metadata, notes)
        ran = await done(sandbox.commands.run("echo $COLOUR $E2B_SANDBOX $E2B_SANDBOX_ID $USER $HOME; pwd"))
        self.assertEqual(ran.stdout, f"blue true {sandbox.sandbox_id} user /home/user\n/home/user\n")
        ran = await done(sandbox.run_code("import os; print(os.environ['COLOUR'], os.getcwd())"))
        self.assertEqual(ran.logs.stdout, ["blue /home/user\n"])

    async def test_listed_by_what_was_noted(self):
        own = uuid.uuid4().hex
        made = [await self.create(metadata={"own": own, "größe": f"{at} &="}) for at in range(3)]
        query = __import__("e2b").SandboxQuery
        all_of_it = await items(self.Sandbox.list(query=query(metadata={"own": own}), limit=2))
        self.assertEqual([one.sandbox_id for one in all_of_it], [one.sandbox_id for one in reversed(made)])
        one = await items(self.Sandbox.list(query=query(metadata={"own": own, "größe": "1 &="})))
        self.assertEqual([one.sandbox_id for one in one], [made[1].sandbox_id])
        states = __import__("e2b").SandboxState
        paused = await items(self.Sandbox.list(query=query(metadata={"own": own}, state=[states.PAUSED])))
        self.assertEqual(paused, [])
        await done(made[2].kill())
        left = await items(self.Sandbox.list(query=query(metadata={"own": own}, state=[states.RUNNING])))
        self.assertEqual({one.sandbox_id for one in left}, {made[0].sandbox_id, made[1].sandbox_id})

    async def test_found_again(self):
        sandbox = await self.create()
        await done(sandbox.files.write("note.txt", "there"))
        await done(sandbox.run_code("x = 41"))
        again = await done(self.Sandbox.connect(sandbox.sandbox_id))
        self.assertEqual(await done(again.files.read("note.txt")), "there")
        self.assertEqual((await done(again.run_code("x + 1"))).text, "42")
        with self.assertRaises(NotFoundException):
            await done(self.Sandbox.connect("0" * 32))

    async def test_lives_as_long_as_it_is_told(self):
        sandbox = await self.create(timeout=60)
        before = (await done(sandbox.get_info())).end_at
        await done(sandbox.connect(timeout=5))
        self.assertEqual((await done(sandbox.get_info())).end_at.replace(microsecond=0), before.replace(microsecond=0))
        await done(sandbox.set_timeout(600))
        self.assertGreater((await done(sandbox.get_info())).end_at, before + datetime.timedelta(seconds=500))
        await done(sandbox.set_timeout(1))
        for _ in range(100):
            if not await done(sandbox.is_running()):
                break
            await asyncio.sleep(0.1)
        self.assertFalse(await done(sandbox.is_running()))
        with self.assertRaises(TimeoutException):
            await done(sandbox.commands.run("true"))
        with self.assertRaises(Exception):
            await done(self.Sandbox.create(timeout=10**6))

    async def test_templates(self):
        for name in ("base", "code-interpreter-v1", "code-interpreter"):
            sandbox = await self.create(template=name)
            self.assertEqual((await done(sandbox.get_info())).template_id, name)
        with self.assertRaises(SandboxException) as raised:
            await self.create(template="no-such-template")
        self.assertIn("404", str(raised.exception))

    async def test_no_network_whatever_is_asked_for(self):
        sandbox = await self.create(allow_internet_access=False)
        code = "import socket\ntry:\n    socket.create_connection(('192.0.2.1', 80), 2)\nexcept OSError as error:\n    print(type(error).__name__, error)"
        self.assertIn("Error", (await done(sandbox.run_code(code))).logs.stdout[0])

    async def test_measured(self):
        sandbox = await self.create()
        await done(sandbox.run_code("sum(range(10**6))"))
        [metric] = await done(sandbox.get_metrics())
        self.assertGreater(metric.mem_total, 10**8)
        self.assertGreaterEqual(metric.cpu_count, 1)
        self.assertGreaterEqual(metric.cpu_used_pct, 0)

    async def test_hosts_of_ports(self):
        sandbox = await self.create()
        host = sandbox.get_host(3000)
        domain = os.environ.get("E2B_DOMAIN") or f"localhost:{os.environ['E2B_API_URL'].rsplit(':')[-1]}"
        self.assertEqual(host, f"3000-{sandbox.sandbox_id}.{domain}")

    async def test_many_at_once(self):
        async def one(at):
            sandbox = await self.create(metadata={"at": str(at)})
            ran = await done(sandbox.run_code(f"print({at} * 2)"))
            await done(sandbox.files.write("at.txt", str(at)))
            return ran.logs.stdout[0].strip(), await done(sandbox.files.read("at.txt"))

        if self.Sandbox is AsyncSandbox:
            got = await asyncio.gather(*(one(at) for at in range(6)))
        else:
            got = [await one(at) for at in range(4)]
        self.assertEqual(got, [(str(at * 2), str(at)) for at in range(len(got))])

    @since(2, 46)
    async def test_what_is_missing_says_so(self):
        sandbox = await self.create()
        with self.assertRaises(SandboxException) as raised:
            await done(sandbox.create_snapshot())
        self.assertIn("501", str(raised.exception))
        self.assertTrue(await done(sandbox.is_running()))


if __name__ == "__main__":
    unittest.main()
