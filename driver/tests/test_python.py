"""Python contexts, in a fresh interpreter and in a fork of the zygote."""

import errno
import json
import platform
import subprocess
import sys
import threading
import time
import unittest

import cases
import peer
from peer import Closed, PythonProcess, Zygote


def check(test, reply, expected):
    """Compare a reply with one row of `cases`."""
    failing = {"name", "line", "syntax", "imported", "errno", "says"} & set(expected)
    status = expected.get("status", "error" if failing else "ok")
    test.assertEqual(reply.status, status, (reply.errors, reply.stderr[-2000:]))
    test.assertEqual(len(reply.errors), 1 if status == "error" else 0, reply.errors)
    if "code" in expected:
        test.assertEqual(reply.exit_code, expected["code"])
    for key in ("out", "out2"):
        test.assertIn(expected.get(key, ""), reply.stdout)
    test.assertIn(expected.get("err", ""), reply.stderr)
    if "main" in expected:
        test.assertEqual(reply.main, expected["main"])
    test.assertIn(expected.get("main_has", ""), reply.main or "")
    for mime, value in expected.get("types", {}).items():
        test.assertEqual(reply.bundles[-1][1].get(mime), value)
    if "shown" in expected:
        shown = [body["text/plain"] for header, body in reply.bundles if not header["main"]]
        test.assertEqual(shown, expected["shown"])
    keys = {"name": "name", "line": "line", "syntax": "syntax", "imported": "import", "errno": "errno"}
    for ours, theirs in keys.items():
        if ours in expected:
            test.assertEqual(reply.error[theirs], expected[ours], reply.error)
    if "says" in expected:
        test.assertIn(expected["says"], reply.error["message"])


class PythonContext:
    """What every Python context must do; subclasses provide `self.peer`."""

    def test_tables(self):
        for table, rows in cases.TABLES.items():
            for code, expected in rows:
                with self.subTest(table=table, code=code[:60]):
                    check(self, self.peer.run(code), expected)

    def test_environment_of_one_cell(self):
        show = "import os; print(*[os.environ.get(n, '-') for n in ('OWN', 'B', 'C')])"
        for code, env, printed in [
            (f"os.environ['OWN'] = 'own'; {show}", None, "own - -\n"),
            (show, {"OWN": "1", "B": "größe \"\n"}, "1 größe \"\n -\n"),
            ("!echo $B", {"B": "child"}, "child\n"),
            ("del os.environ['OWN']; os.environ['C'] = 'stays'; 1 / 0", {"OWN": "1", "B": "2"}, ""),
            (show, {}, "own - stays\n"),
            ("del os.environ['C']\nexit(3)", {"OWN": "1", "B": "2"}, ""),
            ("kept, os.environ = os.environ, {}", {"B": "2"}, ""),
            ("os.environ = kept", {"B": "2"}, ""),
            ("a b", {"B": "2"}, ""),
            (show, None, "own - -\n"),
        ]:
            with self.subTest(code=code):
                self.assertEqual(self.peer.run("import os\n" + code, env).stdout, printed)
        self.peer.run_interrupted("while True: pass", 0.2, {"OWN": "1", "B": "2"})
        self.assertEqual(self.peer.run(show).stdout, "own - -\n")

    def test_traceback_has_no_frames_of_ours(self):
        reply = self.peer.run("def f():\n    1/0\nf()")
        text = "\n".join(reply.error["traceback"])
        self.assertRegex(text, r'File "<cell \d+>", line 3, in <module>\n    f\(\)')
        self.assertNotIn("IPython", text)
        self.assertNotIn("driver", text)

    def test_display_id_and_update(self):
        code = "h = display('a', display_id='one')\nh.update('b')"
        headers = [header for header, _ in self.peer.run(code).bundles]
        self.assertEqual([h["display_id"] for h in headers], ["one", "one"])
        self.assertEqual([h["update"] for h in headers], [False, True])

    def test_streams_come_before_results(self):
        # The bundle's ack is withheld until the text printed before it has arrived.
        readers = self.peer.start("print('before'); display('shown'); print('after')")
        self.assertEqual([self.peer.receive()[0]["t"] for _ in range(2)], ["begun", "bundle"])
        deadline = time.monotonic() + 5
        while b"before\n" not in readers[0].content and time.monotonic() < deadline:
            time.sleep(0.001)
        self.assertEqual(bytes(readers[0].content), b"before\n")
        self.peer.send({"t": "ack"})
        self.assertEqual(self.peer.finish(readers).stdout, "before\nafter\n")

    def test_large_code(self):
        code = "data = '''" + "line of text, 50% of it! really?\n" * 320_000 + "'''\nlen(data)"
        self.assertGreater(len(code), 10_000_000)
        self.assertEqual(self.peer.run(code).main, str(33 * 320_000))
        self.assertEqual(self.peer.run("x = 1\n" * 50_000 + "x").main, "1")

    def test_interrupts(self):
        loops = [
            "while True: pass", "import time; time.sleep(60)", "import asyncio; await asyncio.sleep(60)",
            "!sleep 60", "import subprocess; subprocess.run(['sleep', '60'])",
            "import threading; threading.Event().wait()", "sum(x for x in iter(int, 1))",
        ]
        for code in loops:
            with self.subTest(code=code):
                begin = time.monotonic()
                reply = self.peer.run_interrupted(code, 0.25)
                self.assertLess(time.monotonic() - begin, 5)
                self.assertEqual(reply.error["name"], "KeyboardInterrupt")
                self.assertEqual((reply.status, reply.exit_code), ("error", 130))
                self.assertEqual(self.peer.run("'alive'").main, "'alive'")

    def test_interrupt_can_be_handled(self):
        code = "import time\ntry: time.sleep(60)\nexcept KeyboardInterrupt: print('caught')"
        reply = self.peer.run_interrupted(code, 0.25)
        self.assertEqual((reply.status, reply.stdout), ("ok", "caught\n"))

    def test_interrupt_storm(self):
        """Interrupts at every moment neither kill the driver nor garble its frames."""
        stop = threading.Event()

        def storm():
            while not stop.is_set():
                self.peer.interrupt()
                time.sleep(0.0007)

        thread = threading.Thread(target=storm)
        thread.start()
        try:
            for _ in range(60):
                reply = self.peer.run("for i in range(5): display(i)\nprint('x')\n1")
                self.assertIn(reply.status, ("ok", "error"))
        finally:
            stop.set()
            thread.join()
        time.sleep(0.05)
        self.assertEqual(self.peer.run("1+1").main, "2")

    def test_own_interrupt_handler_lasts_one_cell(self):
        self.peer.run("import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)")
        reply = self.peer.run_interrupted("while True: pass", 0.2)
        self.assertEqual(reply.error["name"], "KeyboardInterrupt")

    def test_hundred_executions(self):
        self.peer.run("n = 0")
        for _ in range(100):
            self.peer.run("n += 1")
        self.assertEqual(self.peer.run("n").main, "100")

    def test_forked_child_cannot_speak(self):
        code = "import os\nif os.fork() == 0:\n    display('from child')\n    os._exit(0)\nos.wait()[1]"
        reply = self.peer.run(code)
        self.assertEqual(len(reply.bundles), 1)
        self.assertEqual(reply.main, "0")

    def test_matplotlib(self):
        try:
            import matplotlib  # noqa: F401
        except ImportError:
            self.skipTest("this interpreter has no matplotlib")
        reply = self.peer.run("import matplotlib.pyplot as plt\nplt.plot([1, 2]);")
        self.assertTrue(reply.bundles, reply.errors)
        self.assertTrue(reply.bundles[-1][1]["image/png"].startswith("iVBOR"))
        reply = self.peer.run("for n in (1, 2):\n    plt.figure(); plt.plot([n]); plt.show()")
        self.assertEqual(["image/png" in body for _, body in reply.bundles], [True, True])

    def test_pandas(self):
        try:
            import pandas  # noqa: F401
        except ImportError:
            self.skipTest("this interpreter has no pandas")
        reply = self.peer.run("import pandas as pd\npd.DataFrame({'a': [1, 2]})")
        self.assertIn("<table", reply.bundles[-1][1]["text/html"])

    def test_pandas_columns(self):
        try:
            import pandas  # noqa: F401
        except ImportError:
            self.skipTest("this interpreter has no pandas")
        mime = "application/vnd.belljar.table+json"
        self.peer.run("import pandas as pd")
        reply = self.peer.run(
            "pd.DataFrame({'a': [1, 2.5, None], 't': pd.to_datetime(['2024-01-01', None, '2024-01-03 04:05'], format='mixed'),"
            " 's': ['x', None, 'ü'], 'i': pd.array([1, None, 3], dtype='Int64'), 7: [[1], object, True]})"
        )
        columns = json.loads(reply.bundles[-1][1][mime])
        self.assertEqual(columns, {
            "a": [1.0, 2.5, None], "t": ["2024-01-01T00:00:00", None, "2024-01-03T04:05:00"], "s": ["x", None, "ü"],
            "i": [1, None, 3], "7": [[1], "<class 'object'>", True],
        })
        for code, there in [
            ("pd.DataFrame({'a': range(10_000)})", True), ("pd.DataFrame({'a': range(10_001)})", False),
            ("display(pd.DataFrame())", True), ("pd.DataFrame({'a': ['x' * 2_000_000]})", False), ("pd.Series([1])", False),
        ]:
            with self.subTest(code=code):
                self.assertEqual(mime in self.peer.run(code).bundles[-1][1], there)

    def test_pictures_are_shown(self):
        try:
            import PIL  # noqa: F401
        except ImportError:
            self.skipTest("this interpreter has no Pillow")
        reply = self.peer.run("from PIL import Image\npicture = Image.new('RGB', (8, 4))\npicture.show()")
        self.assertEqual((reply.stderr, len(reply.bundles)), ("", 1), reply.errors)
        self.assertTrue(reply.bundles[0][1]["image/png"].startswith("iVBOR"))
        reply = self.peer.run("picture.save('a.png'); picture.save(fp='b.png', quality=3); Image.open('a.png').size")
        self.assertEqual((reply.main, len(reply.bundles)), ("(8, 4)", 1), "saving alone shows nothing")
        self.assertEqual(self.peer.run("import PIL; PIL.Image.Image.save.__name__").main, "'save'")

    def test_charts(self):
        try:
            import e2b_charts  # noqa: F401
        except ImportError:
            self.skipTest("this interpreter has no e2b_charts")
        self.peer.run("import matplotlib.pyplot as plt, numpy as np, datetime")
        for code, parts in cases.CHARTS:
            with self.subTest(code=code):
                reply = self.peer.run(code)
                self.assertEqual((reply.status, reply.stderr), ("ok", ""))
                charts = [body.get("application/vnd.belljar.chart+json") for _, body in reply.bundles]
                chart = json.loads(charts[-1] or "{}")
                self.assertEqual({name: chart.get(name) for name in parts}, parts)

    def test_user_modules_may_have_our_names(self):
        self.peer.run("for n in ('shell', 'frames', 'context'): open(n + '.py', 'w').write('mine = 1')")
        self.assertEqual(self.peer.run("import shell, frames, context; shell.mine + frames.mine").main, "2")

    def test_bad_frame_ends_the_driver(self):
        self.peer.send({"t": "nonsense"})
        with self.assertRaises(Closed):
            self.peer.receive()


class FreshTest(PythonContext, unittest.TestCase):
    """`python -I -B driver.py`."""

    def setUp(self):
        self.process = PythonProcess()
        self.peer = self.process.peer

    def tearDown(self):
        self.process.close()

    def test_end_of_stream_ends_the_driver(self):
        self.assertEqual(self.process.close(), 0)


class AheadTest(unittest.TestCase):
    """Forks that nobody waits for."""

    def test_nothing_is_left_of_what_was_rehearsed(self):
        zygote = Zygote("json")
        self.addCleanup(zygote.close)
        asked, ahead = (zygote.fork(ahead=ahead) for ahead in (False, True))
        look = (
            "import sys, linecache\n"
            "print(sorted(name for name in globals() if name != '__builtins__'), In, Out, get_ipython().execution_count,"
            " hasattr(sys, 'last_value'), len(linecache.cache))"
        )
        self.assertEqual(ahead.run(look).stdout, asked.run(look).stdout)
        self.assertEqual(ahead.run("_").errors[0]["name"], asked.run("_").errors[0]["name"])
        self.assertEqual(ahead.run("1 + 1").bundles, asked.run("1 + 1").bundles)


class OrphanTest(unittest.TestCase):
    """Processes that are nobody's children, in both ways."""

    CODE = '''
import ctypes, os, random, subprocess, sys, threading, types
package = types.ModuleType("belljar_driver")
package.__path__ = [sys.argv[1]]
sys.modules["belljar_driver"] = package
from belljar_driver import births
if sys.argv[2] == "slow":
    births._prepared = False
first = random.random()

def works():
    cpu = ctypes.CDLL(None).sched_getcpu
    cpus = os.sched_getaffinity(0)
    for one in cpus:
        os.sched_setaffinity(0, {one})
        assert cpu() == one, (cpu(), one)
    os.sched_setaffinity(0, cpus)
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
    assert subprocess.run(["echo", "on"], capture_output=True).stdout == b"on\\n"
    assert threading.get_native_id() == os.getpid() and threading.current_thread() is threading.main_thread()
    return random.random()

def born(depth):
    read, write = os.pipe()
    parent = os.getpid()
    if births.orphan() == 0:
        try:
            assert os.getppid() != parent
            inner = born(depth - 1) if depth else "end"
            text = f"{works()} {inner}"
        except BaseException as error:
            text = repr(error)
        os.write(write, text.encode())
        os._exit(0)
    os.close(write)
    try:
        os.wait()
        return "a child is left"
    except ChildProcessError:
        return os.read(read, 4096).decode()

told = born(3)
assert told.endswith(" end"), told
numbers = told.split()[:-1]
assert len(set(numbers)) == 4, told
print(bool(births._prepared), len(numbers), works() != first)
'''

    def run_code(self, way):
        command = [sys.executable, "-I", "-B", "-c", self.CODE, peer.FOLDER, way]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    def test_quickly(self):
        done = self.run_code("quick")
        quick = platform.machine() == "x86_64"
        self.assertEqual((done.stdout, done.stderr), (f"{quick} 4 True\n", ""))

    def test_in_two_steps(self):
        done = self.run_code("slow")
        self.assertEqual((done.stdout, done.stderr), ("False 4 True\n", ""))

    def test_refused(self):
        code = self.CODE.split("told = born")[0] + (
            "import resource\n"
            "if os.getuid() == 0: os.setuid(65534)\n"
            "resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))\n"
            "try: births.orphan()\n"
            "except OSError as error: print(error.errno)\n"
        )
        for way in ("quick", "slow"):
            command = [sys.executable, "-I", "-B", "-c", code, peer.FOLDER, way]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60)
            self.assertEqual((done.stdout, done.stderr), (f"{errno.EAGAIN}\n", ""), way)


class ZygoteTest(PythonContext, unittest.TestCase):
    """Forks of one zygote."""

    @classmethod
    def setUpClass(cls):
        cls.zygote = Zygote("")
        assert cls.zygote.ready == {"t": "ready"}, cls.zygote.ready

    @classmethod
    def tearDownClass(cls):
        cls.zygote.close()

    def setUp(self):
        self.peer = self.zygote.fork()

    def tearDown(self):
        self.peer.sock.close()
        told = self.zygote.told()
        self.assertEqual((told["t"], told["context"]), ("exited", self.peer.name))


if __name__ == "__main__":
    unittest.main()
