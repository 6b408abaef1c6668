"""Pauses: everything stands still, nothing is lost, and whoever asks for it goes on."""

import asyncio
import os
import time
import unittest

from both import both, done, since
from e2b.exceptions import TimeoutException
from e2b_code_interpreter import AsyncSandbox

COUNT = "i=0; while :; do i=$((i + 1)); echo $i > count; sleep 0.05; done"


@both
class Pauses:
    async def pause(self, sandbox):
        return await done((getattr(sandbox, "pause", None) or sandbox.beta_pause)())

    async def test_everything_stands_still_and_goes_on(self):
        sandbox = await self.create()
        await done(sandbox.run_code("x = [1, 2, 3]"))
        await done(sandbox.files.write("note.txt", "kept"))
        counting = await done(sandbox.commands.run(COUNT, background=True))
        await asyncio.sleep(0.5)
        await self.pause(sandbox)
        self.assertFalse(await done(sandbox.is_running()))
        self.assertEqual((await done(sandbox.get_info())).state.value, "paused")
        with self.assertRaises(TimeoutException):
            await done(sandbox.commands.run("true"))
        await asyncio.sleep(1)
        again = await done(self.Sandbox.connect(sandbox.sandbox_id))
        self.assertEqual((await done(again.get_info())).state.value, "running")
        first = int(await done(again.files.read("count")))
        self.assertLess(first, 25, "it went on meanwhile")
        self.assertEqual((await done(again.run_code("x"))).text, "[1, 2, 3]")
        self.assertEqual(await done(again.files.read("note.txt")), "kept")
        for _ in range(100):
            if int(await done(again.files.read("count")) or 0) > first:
                break
            await asyncio.sleep(0.05)
        self.assertGreater(int(await done(again.files.read("count")) or 0), first)
        self.assertTrue(await done(again.commands.kill(counting.pid)))

    async def test_a_cell_goes_on(self):
        if self.Sandbox is not AsyncSandbox:
            self.skipTest("a client that waits cannot pause what it waits for")
        sandbox = await self.create()
        running = asyncio.create_task(sandbox.run_code("import time\ny = 0\nfor at in range(30):\n    time.sleep(0.05)\n    y = at"))
        await asyncio.sleep(0.7)
        await self.pause(sandbox)
        with self.assertRaises(TimeoutException):
            await running
        again = await self.Sandbox.connect(sandbox.sandbox_id)
        self.assertEqual((await again.run_code("y")).text, "29")

    async def test_killed_while_it_stands_still(self):
        sandbox = await self.create()
        await self.pause(sandbox)
        self.assertTrue(await done(sandbox.kill()))
        self.assertFalse(await done(sandbox.kill()))

    @since(2, 46)
    async def test_paused_when_its_time_is_over(self):
        sandbox = await self.create(timeout=60, lifecycle={"on_timeout": "pause", "auto_resume": True})
        await done(sandbox.run_code("x = 7"))
        await done(sandbox.set_timeout(0))
        for _ in range(100):
            if (await done(sandbox.get_info())).state.value == "paused":
                break
            await asyncio.sleep(0.05)
        self.assertEqual((await done(sandbox.get_info())).state.value, "paused")
        self.assertEqual((await done(sandbox.run_code("x"))).text, "7")
        self.assertEqual((await done(sandbox.get_info())).state.value, "running")


if __name__ == "__main__":
    unittest.main()
