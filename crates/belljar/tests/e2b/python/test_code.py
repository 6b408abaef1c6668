"""Code: cells, what they say and show, contexts, languages, time."""

import asyncio
import base64
import time
import unittest

import httpx
from both import VERSION, both, done, since
from e2b.exceptions import NotFoundException, SandboxException, TimeoutException
from e2b_code_interpreter import AsyncSandbox, Sandbox
from e2b_code_interpreter.charts import BarChart, BoxAndWhiskerChart, LineChart, PieChart, ScatterChart, SuperChart

PLOT = "import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\n"


@both
class Code:
    async def test_results_and_streams(self):
        sandbox = await self.create()
        out, err, results, errors = [], [], [], []
        code = "import sys\nprint('one')\nprint('größe \u2028 😀', file=sys.stderr)\nx = 20\nx + 22"
        ran = await done(
            sandbox.run_code(code, on_stdout=out.append, on_stderr=err.append, on_result=results.append, on_error=errors.append)
        )
        self.assertEqual((ran.text, ran.error), ("42", None))
        self.assertEqual("".join(line.line for line in out), "one\n")
        self.assertEqual("".join(line.line for line in err), "größe \u2028 😀\n")
        self.assertTrue(results[0].is_main_result)
        self.assertEqual(errors, [])
        self.assertEqual(ran.execution_count, 1)
        self.assertEqual((await done(sandbox.run_code("x"))).execution_count, 2)
        self.assertEqual((await done(sandbox.run_code("'quoted'"))).text, "quoted")
        self.assertIsNone((await done(sandbox.run_code("y = 1"))).text)

    async def test_errors(self):
        sandbox = await self.create()
        seen = []
        ran = await done(sandbox.run_code("def f():\n    return 1 / 0\nf()", on_error=seen.append))
        self.assertEqual((ran.error.name, ran.error.value), ("ZeroDivisionError", "division by zero"))
        self.assertIn("return 1 / 0", ran.error.traceback)
        self.assertEqual(seen[0].name, "ZeroDivisionError")
        ran = await done(sandbox.run_code("1 +"))
        self.assertEqual(ran.error.name, "SyntaxError")

    async def test_like_a_notebook(self):
        sandbox = await self.create()
        ran = await done(sandbox.run_code("    x = 3\n    print(x)"))
        self.assertEqual(ran.logs.stdout, ["3\n"])
        ran = await done(sandbox.run_code("!echo from the shell"))
        self.assertEqual("".join(ran.logs.stdout).replace("\r", ""), "from the shell\n")
        ran = await done(sandbox.run_code("from IPython.display import display, HTML, JSON\ndisplay(HTML('<b>hi</b>'))\n7"))
        self.assertEqual([(one.html, one.is_main_result) for one in ran.results], [("<b>hi</b>", False), (None, True)])

    async def test_tables(self):
        sandbox = await self.create()
        ran = await done(sandbox.run_code("import pandas as pd\npd.DataFrame({'a': [1, 2], 'b': ['x', None]})"))
        [result] = ran.results
        self.assertIn("<table", result.html)
        self.assertEqual(result.data, {"a": [1, 2], "b": ["x", None]})
        self.assertEqual((await done(sandbox.run_code("{'a': [1, 2]}"))).results[0].json, {"a": [1, 2]})

    async def chart(self, sandbox, code):
        ran = await done(sandbox.run_code(f"{PLOT}{code}\nplt.show()"))
        self.assertIsNone(ran.error, ran.error and ran.error.traceback)
        [result] = ran.results
        self.assertTrue(base64.b64decode(result.png).startswith(b"\x89PNG"))
        return result.chart

    async def test_charts(self):
        sandbox = await self.create()
        line = await self.chart(sandbox, "ax.plot([1, 2, 3], [4, 5, 6], label='l'); ax.set_title('T'); ax.set_xlabel('x (s)')")
        self.assertIsInstance(line, LineChart)
        self.assertEqual((line.title, line.x_unit, line.elements[0].label), ("T", "s", "l"))
        self.assertEqual([tuple(point) for point in line.elements[0].points], [(1, 4), (2, 5), (3, 6)])
        scatter = await self.chart(sandbox, "ax.scatter([1, 2], [3, 4])")
        self.assertIsInstance(scatter, ScatterChart)
        bar = await self.chart(sandbox, "ax.bar(['a', 'b'], [3, 4])")
        self.assertIsInstance(bar, BarChart)
        self.assertEqual([(one.label, one.value) for one in bar.elements], [("a", 3), ("b", 4)])
        pie = await self.chart(sandbox, "ax.pie([1, 3], labels=['a', 'b'])")
        self.assertIsInstance(pie, PieChart)
        box = await self.chart(sandbox, "ax.boxplot([[1, 2, 3, 9], [2, 3, 4, 5]], patch_artist=True)")
        self.assertIsInstance(box, BoxAndWhiskerChart)
        ran = await done(sandbox.run_code("from PIL import Image\nImage.new('RGB', (8, 4)).save('saved.png')"))
        self.assertEqual([one.png[:5] for one in ran.results], ["iVBOR"])
        several = await self.chart(sandbox, "plt.close(fig); fig, (a, b) = plt.subplots(1, 2); a.plot([1, 2]); b.bar(['x'], [1])")
        self.assertIsInstance(several, SuperChart)
        self.assertEqual(len(several.elements), 2)

    async def test_environment_of_one_cell(self):
        sandbox = await self.create(envs={"A": "sandbox"})
        show = "import os; print(os.environ.get('A'), os.environ.get('B'))"
        ran = await done(sandbox.run_code(show, envs={"A": "cell", "B": "cell"}))
        self.assertEqual(ran.logs.stdout, ["cell cell\n"])
        self.assertEqual((await done(sandbox.run_code(show))).logs.stdout, ["sandbox None\n"])

    async def test_contexts(self):
        sandbox = await self.create()
        await done(sandbox.commands.run("mkdir -p apart"))
        context = await done(sandbox.create_code_context(cwd="/home/user/apart", language="python"))
        self.assertEqual((context.language, context.cwd), ("python", "/home/user/apart"))
        await done(sandbox.run_code("x = 1"))
        await done(sandbox.run_code("x = 2", context=context))
        self.assertEqual((await done(sandbox.run_code("x"))).text, "1")
        ran = await done(sandbox.run_code("import os; print(os.getcwd()); x", context=context))
        self.assertEqual((ran.text, ran.logs.stdout), ("2", ["/home/user/apart\n"]))
        if hasattr(sandbox, "list_code_contexts"):
            listed = await done(sandbox.list_code_contexts())
            self.assertEqual([one.language for one in listed], ["python", "javascript", "python"])
            self.assertEqual(listed[-1].id, context.id)
            await done(sandbox.restart_code_context(context))
            self.assertEqual((await done(sandbox.run_code("x", context=context))).error.name, "NameError")
            await done(sandbox.remove_code_context(context))
            self.assertEqual(len(await done(sandbox.list_code_contexts())), 2)
            with self.assertRaises(NotFoundException):
                await done(sandbox.run_code("x", context=context))

    async def test_languages(self):
        sandbox = await self.create()
        ran = await done(sandbox.run_code("console.log('hi'); 6 * 7", language="js"))
        self.assertEqual((ran.text, "".join(ran.logs.stdout)), ("42", "hi\n"))
        ran = await done(sandbox.run_code("const later = new Promise((f) => setTimeout(() => f('later'), 50)); await later", language="javascript"))
        self.assertEqual(ran.text, "later")
        ran = await done(sandbox.run_code("X=5; echo $((X + 1))", language="bash"))
        self.assertEqual("".join(ran.logs.stdout), "6\n")
        self.assertEqual("".join((await done(sandbox.run_code("echo $X", language="bash"))).logs.stdout), "5\n")
        for name, code, text in [
            ("ts", "const x: number = 6; x * 7", "42"), ("typescript", "x as number", "6"),
            ("r", "x <- 6; x * 7", "[1] 42"), ("R", "x", "[1] 6"),
        ]:
            ran = await done(sandbox.run_code(code, language=name))
            if not ran.error or ran.error.name != "InterpreterMissing":
                self.assertEqual((ran.text, ran.error), (text, None), name)
        with self.assertRaises(SandboxException) as raised:
            await done(sandbox.run_code("class A {}", language="java"))
        self.assertIn("500", str(raised.exception))

    async def test_time_runs_out_and_the_state_stays(self):
        sandbox = await self.create()
        await done(sandbox.run_code("x = 5"))
        with self.assertRaises(TimeoutException):
            await done(sandbox.run_code("import time\nwhile True: time.sleep(0.05)", timeout=1))
        self.assertEqual((await done(sandbox.run_code("x"))).text, "5")

    async def test_killed_in_the_middle(self):
        sandbox = await self.create()
        if self.Sandbox is not AsyncSandbox:
            self.skipTest("a client that waits cannot be killed by itself")
        running = asyncio.create_task(sandbox.run_code("import time; time.sleep(60)"))
        await asyncio.sleep(1)
        await sandbox.kill()
        # Before 2.46 clients give what their HTTP library says of it.
        with self.assertRaises(TimeoutException if VERSION >= (2, 46) else httpx.RemoteProtocolError):
            await running

    async def test_much_is_said(self):
        sandbox = await self.create()
        count = 0

        def take(line):
            nonlocal count
            count += len(line.line)

        await done(sandbox.run_code("for at in range(20_000): print('x' * 20)", on_stdout=take))
        self.assertEqual(count, 420_000)

    async def test_cells_of_one_context_wait_for_each_other(self):
        sandbox = await self.create()
        if self.Sandbox is not AsyncSandbox:
            self.skipTest("a client that waits runs one after the other anyway")
        await sandbox.run_code("x = 0")
        code = "import time\ny = x\ntime.sleep(0.05)\nx = y + 1"
        await asyncio.gather(*(sandbox.run_code(code) for _ in range(6)))
        self.assertEqual((await sandbox.run_code("x")).text, "6")


if __name__ == "__main__":
    unittest.main()
