"""Bash, JavaScript and TypeScript contexts; the zygote's rules; the codec."""

import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

import peer
from peer import FOLDER, Zygote
from standing import StandingContext, check

SYSCALL_GETPID = {"x86_64": 39, "aarch64": 172}.get(os.uname().machine)
SYSCALL_CLOSE = {"x86_64": 3, "aarch64": 57}.get(os.uname().machine)


def first_child(pid):
    """Return a process's child, or None when it ends without having one."""
    for _ in range(100):
        try:
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
                found = children.read().split()
        except OSError:
            return None
        if found:
            return int(found[0])
        time.sleep(0.01)
    return None


class BashTest(StandingContext, unittest.TestCase):
    """`bash --noprofile --norc driver.sh`."""

    command = ["bash", "--noprofile", "--norc", os.path.join(FOLDER, "driver.sh")]
    alive = "echo $x"
    loops = ["while :; do :; done", "sleep 60; echo after", "f() { sleep 60; }; f; echo after", "wait_for() { read -t 60 < <(sleep 60); }; wait_for"]
    rows = [
        ("echo hi", {"out": "hi\n"}),
        ("x='a  b'; declare -A m=([k]=$'l1\\nl2')", {}),
        ("echo \"$x\"", {"out": "a  b\n"}),
        ("false", {"status": "exit", "code": 1}),
        ("(exit 3)", {"status": "exit", "code": 3}),
        ("cd /tmp; export A=1; f() { echo f$1; }", {}),
        ("pwd; f 2; bash -c 'echo $A'", {"out": "/tmp\nf2\n1\n"}),
        ("exit 3", {"status": "exit", "code": 3}),
        ("pwd; f 2; bash -c 'echo $A'; echo \"${m[k]}\"", {"out": "/tmp\nf2\n1\nl1\nl2\n"}),
        ("set -e; false; echo not here", {"status": "exit", "code": 1}),
        ("echo $-", {"out": "e"}),
        ("set +e; set -u; echo $no_such", {"status": "exit", "err": "unbound variable"}),
        ("set +u; echo on", {"out": "on\n"}),
        ("if", {"status": "error", "syntax": True, "name": "SyntaxError"}),
        ("echo 1\n)", {"status": "error", "syntax": True, "line": 2, "out": "1\n"}),
        ("\n\nno_such_command", {"status": "exit", "code": 127, "err": "line 3: no_such_command"}),
        ("trap 'echo bye' EXIT; exit 4", {"status": "exit", "code": 4, "out": "bye\n"}),
        ("u='ü'; echo $u; exit 0", {"status": "exit", "code": 0, "out": "ü\n"}),
        ("echo $u", {"out": "ü\n"}),
        ("", {}),
        ("# comment", {}),
        ("echo a\0b", {"status": "error", "syntax": True}),
        ("cat <<X\nhere\nX\n", {"out": "here\n"}),
        ("echo " + "a" * 200_000 + " | wc -c", {"out": "200001"}),
        ("readonly R=1; exit", {"status": "exit", "code": 0}),
        ("echo $R", {"out": "1\n"}),
        ("set -x; echo t", {"out": "t\n", "err": "+ echo t"}),
        ("set +x", {}),
        ("set -o pipefail; exit 0", {"status": "exit"}),
        ("false | true", {"status": "exit", "code": 1}),
        ("IFS=,; printf() { :; }", {}),
        ("unset -f printf; echo still", {"out": "still\n"}),
        ("(" * 50_000, {"status": "error", "syntax": True}),
        ("exec 3</etc/passwd; read -u 3 line; echo $line", {"out": "root"}),
        ("bash -c 'ls /proc/self/fd | wc -l'", {"out": "5"}),
        ("kill -0 $$; echo é >&2", {"err": "é\n"}),
    ]
    show = "bash -c 'echo ${OWN--} ${B--} ${C--}'"
    odd = "a \"b\"\\ \\\" $x `y`\n\t\x01 größe\\n \\101 %s"
    borrowing = [
        (f"export OWN=own; {show}", None, "own - -\n"),
        (show, {"OWN": "1", "B": "2"}, "1 2 -\n"),
        (show, None, "own - -\n"),
        ("printf %s \"$ODD\" \"$LONG\" | wc -c; printf '%s\n' \"$ODD\"", {"ODD": odd, "LONG": "\"" * 30_000},
         f"{len(odd.encode()) + 30_000}\n{odd}\n"),
        ("echo ${ODD-gone}", {}, "gone\n"),
        ("B=of-the-cell C=stays; unset OWN; exit 3", {"OWN": "1", "B": "2"}, ""),
        (f"export C; {show}; unset C", None, "own - stays\n"),
        (f"f() {{ local B=local OWN; unset OWN; {show}; exit; }}; f", {"OWN": "1", "B": "2"}, "1 local -\n"),
        ("set -eu; g() { local B; false; }; g", {"OWN": "1", "B": "2"}, ""),
        (f"set +eu; {show}", None, "own - -\n"),
        ("PATHS=(a b); declare -r FIXED=1", None, ""),
        ("echo \"${PATHS[*]}\"", {"PATHS": "x"}, "x b\n"),
        ("echo \"${PATHS[*]}\"", None, "a b\n"),
        ("echo never", {"B": "2", "FIXED": "2"}, ""),
        ("echo never", {"B": "2", "größe": "2"}, ""),
        ("echo never", {"__belljar_file": "2"}, ""),
        (f"trap '{show.replace(chr(39), chr(34)).replace('$', chr(92) + '$')}' EXIT; exit", {"B": "in the trap"}, "own in the trap -\n"),
        (show, None, "own - -\n"),
    ]

    def test_a_name_that_bash_cannot_hold(self):
        reply = self.driver.run("echo never", {"a.b": "2"})
        check(self, reply, {"status": "error", "name": "EnvironmentError", "code": 1})
        self.assertIn("a.b", reply.error["message"])


@unittest.skipUnless(shutil.which("node"), "there is no node on this machine")
class JavaScriptTest(StandingContext, unittest.TestCase):
    """`node driver.js`."""

    command = ["node", os.path.join(FOLDER, "driver.js")]
    alive = "console.log(x)"
    loops = [
        "while (true) {}", "await new Promise(() => {})", "await null; for (;;) {}",
        "await new Promise(r => setTimeout(r, 50)); for (;;) {}", "new Promise(() => {})",
    ]
    rows = [
        ("1+1", {"main": "2"}),
        ("const x = 5; x * 2", {"main": "10"}),
        ("const x = 6", {"main": None}),
        ("x", {"main": "6"}),
        ("console.log('hi'); console.error('e')", {"out": "hi\n", "err": "e\n", "main": None}),
        ("let y = await Promise.resolve(3); y", {"main": "3"}),
        ("throw new Error('bad')", {"status": "error", "name": "Error", "line": 1, "code": 1}),
        ("\n\nfunction f() {\n  throw new TypeError('t') }\nf()", {"status": "error", "name": "TypeError", "line": 4}),
        ("let z = 1;\na b", {"status": "error", "syntax": True, "line": 2}),
        ("throw 'text'", {"status": "error", "name": "Uncaught", "line": None}),
        ("fs.readFileSync('/no/such')", {"status": "error", "errno": 2}),
        ("require('no-such')", {"status": "error", "import": True}),
        ("await import('no-such')", {"status": "error", "import": True}),
        ("(await import('node:path')).join('a', 'b')", {"main": "'a/b'"}),
        ("import { join as j,\n  sep } from 'path'; import os from 'os'\nj('a', sep) + os.EOL", {"main": "'a/\\n'"}),
        ("\"import x from 'y'\"", {"main": "\"import x from 'y'\""}),
        ("process.exit(3)", {"status": "exit", "code": 3}),
        ("setTimeout(() => process.exit(4), 10); await new Promise(() => {})", {"status": "exit", "code": 4}),
        ("setTimeout(() => { throw new Error('late') }, 10); await new Promise(() => {})", {"status": "error", "name": "Error"}),
        ("x", {"main": "6"}),
        ("({ a: 1, b: [1, { c: 2 }] })", {"main": "{ a: 1, b: [ 1, { c: 2 } ] }"}),
        ("async function main() { await null; console.log('from main'); return 'done' }; main()", {"main": "'done'", "out": "from main\n"}),
        ("Promise.reject(new RangeError('no'))", {"status": "error", "name": "RangeError"}),
        ("const kept = Promise.resolve(1)", {"main": None}),
        ("[Promise.resolve(1)]", {"main": "[ Promise { 1 } ]"}),
        ("Promise.resolve().then(() => process.exit(5))", {"status": "exit", "code": 5}),
        ("fs.writeFileSync('a.json', '{\"b\": 1}'); undefined", {"main": None}),
        ("import data from './a.json' with { type: 'json' };\ndata.b", {"main": "1"}),
        ("10n", {"main": "10n"}),
        ("-0", {"main": "-0"}),
        ("'\\ud800'", {"main": "'\\ud800'"}),
        ("throw new Error('\\ud800')", {"status": "error"}),
        ("'a'.repeat(30_000_000).length", {"main": "30000000"}),
        ("'a'.repeat(30_000_000); ", {}),
        ("({ get a() { throw 1 }, [Symbol.for('nodejs.util.inspect.custom')]() { throw new Error('q') } })", {"status": "error"}),
        ("(" * 100_000, {"status": "error"}),
        ("-" * 100_000 + "1", {"status": "error"}),
        ("function deep() { deep() } deep()", {"status": "error", "name": "RangeError"}),
        ("", {}),
        (b"'\xff'", {"status": "error", "syntax": True}),
        ("child_process.execSync('echo child').toString()", {"main": "'child\\n'"}),
        ("process.stdout.write('x'.repeat(1_000_000)); undefined", {"out": "xxx"}),
    ]
    show = "console.log(...['OWN', 'B', 'C'].map((name) => process.env[name] ?? '-'))"
    borrowing = [
        (f"process.env.OWN = 'own'; {show}", None, "own - -\n"),
        (show, {"OWN": "1", "B": "größe \"\n"}, "1 größe \"\n -\n"),
        (show, None, "own - -\n"),
        ("child_process.execSync('echo $B', { stdio: 'inherit' })", {"B": "child"}, "child\n"),
        ("delete process.env.OWN; process.env.C = 'stays'; throw new Error('x')", {"OWN": "1", "B": "2"}, ""),
        (f"{show}; delete process.env.C", {}, "own - stays\n"),
        ("process.exit(1)", {"OWN": "1", "__proto__": "2"}, ""),
        ("await new Promise((_, no) => setTimeout(no, 20))", {"OWN": "1", "B": "2"}, ""),
    ]


@unittest.skipUnless(shutil.which("node"), "there is no node on this machine")
class TypeScriptTest(StandingContext, unittest.TestCase):
    """`node driver.js typescript`."""

    command = ["node", os.path.join(FOLDER, "driver.js"), "typescript"]
    alive = "console.log(x as number)"
    loops = ["while (true) {}", "await new Promise<void>(() => {})"]
    show = "console.log(...['OWN', 'B', 'C'].map((name: string): string => process.env[name] ?? '-'))"
    borrowing = [(f"process.env.OWN = 'own'; {show}", None, "own - -\n"), (show, {"OWN": "1"}, "1 - -\n")]
    rows = [
        ("interface Point { x: number; y?: number }\nconst p: Point = { x: 1 };\np", {"main": "{ x: 1 }"}),
        ("function twice<T>(a: T): T[] { return [a, a] }\ntwice<number>(p!.x)", {"main": "[ 1, 1 ]"}),
        ("enum Colour { Red, Green = 5 }\n\nColour.Green", {"main": "5"}),
        ("Colour[0]", {"main": "'Red'"}),
        ("class Box { constructor(private inner: string) {}\n get text(): string { return this.inner } }\nnew Box('b').text", {"main": "'b'"}),
        ("import type { Stats } from 'fs';\nimport os, { EOL } from 'os';\nimport { join } from 'path'", {"main": None}),
        ("join('a', EOL) as string", {"main": "'a/\\n'"}),
        ("type A = string;\n\ninterface B {}\nthrow new TypeError('t')", {"status": "error", "name": "TypeError", "line": 4}),
        ("interface C {\n  a: number\n}\nfunction thrower(): never {\n  throw new Error('deep') }", {"main": None}),
        ("type D = C;\nthrower()", {"status": "error", "name": "Error", "line": 2}),
        ("enum E { A }\n\nnull.x", {"status": "error", "name": "TypeError", "line": 3}),
        ("\nlet a: = 4", {"status": "error", "name": "SyntaxError", "syntax": True, "line": 2}),
        ("\n\nlet b: number = ]", {"status": "error", "name": "SyntaxError", "syntax": True, "line": 3}),
        ("async function main(): Promise<string> { return 'late' }\nmain()", {"main": "'late'"}),
        ("const n: number = await Promise.resolve(3); n", {"main": "3"}),
        ("'wrong types run' as unknown as number", {"main": "'wrong types run'"}),
        ("", {}),
        ("// @ts-ignore\n1", {"main": "1"}),
        ("(" * 100_000, {"status": "error"}),
        ("x = 41", {}),
    ]

    def setUp(self):
        try:
            super().setUp()
        except AssertionError as missing:
            self.assertIn("find what reads TypeScript", str(missing))
            self.skipTest("there is nothing on this machine that reads TypeScript")

    def test_tracebacks_name_lines_as_they_were_written(self):
        for code, expected in self.rows[:9]:
            self.driver.run(code)
        trace = "\n".join(self.driver.run(self.rows[9][0]).error["traceback"])
        self.assertRegex(trace, r"thrower \(<cell 9>:5:\d+\)\n.*<cell 10>:2:")


class ZygoteRulesTest(unittest.TestCase):
    """What the zygote promises beside its forks' behaviour."""

    def setUp(self):
        self.zygote = Zygote("")

    def tearDown(self):
        self.assertEqual(self.zygote.close(), 0)

    def test_forks_are_unlike(self):
        code = (
            "import random, uuid, secrets, tempfile, os, json\n"
            "print(json.dumps([random.random(), str(uuid.uuid4()), str(uuid.uuid1()), secrets.token_hex(),"
            " tempfile.mktemp(), __import__('multiprocessing').current_process().authkey.hex()]))"
        )
        rows = []
        for _ in range(12):
            context = self.zygote.fork()
            rows.append(json.loads(context.run(code).stdout))
            context.sock.close()
        for column in zip(*rows):
            self.assertEqual(len(set(column)), len(rows), column)

    def test_environment_and_cells_start_anew(self):
        context = self.zygote.fork(env={"MINE": "1", "BELLJAR_THREADS": "3"})
        reply = context.run("import os; print(os.environ['MINE'], os.environ['OMP_NUM_THREADS'], In, Out, 'BELLJAR_THREADS' in os.environ)")
        self.assertTrue(reply.stdout.startswith("1 3 ['', "), reply.stdout)
        self.assertTrue(reply.stdout.endswith("{} False\n"), reply.stdout)
        self.assertIn("<cell 2>", "\n".join(context.run("1/0").error["traceback"]))

    def test_exit_status_is_reported(self):
        context = self.zygote.fork()
        context.start("import os; os._exit(7)")
        told = self.zygote.told()
        self.assertEqual(told, {"t": "exited", "context": context.name, "status": 7 << 8})

    def test_bad_packet_closes_only_that_room(self):
        other = self.zygote.open_room("sbx_2")
        for nonsense in (b"not json", b'{"t":"fork"}', b'{"t":"x","fds":["a"]}', b"[1]"):
            room = self.zygote.open_room("sbx_bad")
            room.send(nonsense)
            self.assertEqual(room.recv(100), b"")
        self.assertEqual(self.zygote.fork(other).run("1").main, "1")

    def test_a_room_that_does_not_read_is_closed(self):
        room = self.zygote.open_room("sbx_2")
        endings = []
        for _ in range(4):
            try:
                endings.append(self.zygote.ask_fork(room)[1])
            except OSError:
                break
        self.assertEqual(self.zygote.fork().run("1").main, "1")

    @unittest.skipUnless(SYSCALL_GETPID, "system call numbers of this machine are not in the test")
    def test_enter_program(self):
        good = {"name": "harmless", "nr": SYSCALL_GETPID, "args": [1, {"bytes": "MA=="}, {"program": "AAAAAAAAAAA="}]}
        tolerated = {"name": "bad descriptor", "nr": SYSCALL_CLOSE, "args": [-1], "ok": [9]}
        keep = {"name": "close the rest", "keep": ["driver", "landlock"]}
        room = self.zygote.open_room("sbx_2", [good, tolerated, keep, good])
        self.assertEqual(self.zygote.fork(room).run("1+1").main, "2")
        failing = {"name": "must fail", "nr": SYSCALL_CLOSE, "args": [{"fd": "nowhere"}]}
        for steps in ([failing], [keep, failing]):
            room = self.zygote.open_room("sbx_3", steps)
            _, ours = self.zygote.ask_fork(room)
            header = peer.read_exactly(ours, 8)
            failed = json.loads(peer.read_exactly(ours, struct.unpack("<II", header)[0]))
            self.assertEqual(failed, {"t": "failed", "step": "must fail", "errno": 9})
            self.assertEqual(self.zygote.told(room)["t"], "forked")
            self.assertEqual(self.zygote.told(room)["status"], 1 << 8)

    def test_children_are_born_in_the_pid_namespace_of_their_room(self):
        first = subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", "sleep", "60"], stderr=subprocess.DEVNULL)
        try:
            pid = first_child(first.pid)
            if pid is None:
                self.skipTest("this user may not make a pid namespace")
            pidfd = os.pidfd_open(pid)
            room = self.zygote.open_room("sbx_pid", pidfd=pidfd)
            self.assertEqual(self.zygote.fork(room).hello["pid"], 2)
            self.assertGreater(self.zygote.fork().hello["pid"], 2)
            self.assertEqual(self.zygote.fork(room).hello["pid"], 3)
            os.kill(pid, 9)
            endings = [self.zygote.told(room) for _ in range(2)]
            self.assertEqual([told["status"] for told in endings], [9, 9])
            os.close(pidfd)
        finally:
            first.kill()
            first.wait()

    def test_saved_pictures_are_shown_where_that_is_asked_for(self):
        try:
            import PIL  # noqa: F401
        except ImportError:
            self.skipTest("this interpreter has no Pillow")
        context = self.zygote.fork(env={"BELLJAR_SHOW_SAVED": "1"})
        reply = context.run("import io, os\nfrom PIL import Image\npicture = Image.new('RGB', (8, 4))\n"
                            "picture.save('a.png'); picture.save(io.BytesIO(), 'png'); 'BELLJAR_SHOW_SAVED' in os.environ")
        self.assertEqual(["image/png" in body for _, body in reply.bundles], [True, False], reply.errors)
        self.assertEqual(reply.main, "False")
        other = self.zygote.fork()
        self.assertEqual(other.run("from PIL import Image\nImage.new('RGB', (8, 4)).save('b.png')").bundles, [])

    def test_descriptors_of_others_are_not_inherited(self):
        self.zygote.open_room("sbx_2")
        context = self.zygote.fork()
        names = context.run("import os; print(*sorted(os.readlink(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd') if os.path.exists(f'/proc/self/fd/{n}')))").stdout
        self.assertEqual(names.count("socket:"), 1, names)

    def test_failed_preload_is_told(self):
        zygote = Zygote("no_such_module")
        self.assertEqual(zygote.ready["t"], "failed")
        self.assertIn("no_such_module", zygote.ready["message"])
        self.assertEqual(zygote.close(), 1)


class PreloadTest(unittest.TestCase):
    """A zygote with the scientific libraries."""

    def test_numpy_states_differ(self):
        try:
            import matplotlib  # noqa: F401
            import numpy  # noqa: F401
            import pandas  # noqa: F401
        except ImportError:
            self.skipTest("this interpreter has no numpy, pandas and matplotlib")
        zygote = Zygote("numpy,pandas,matplotlib.pyplot")
        try:
            values = set()
            for _ in range(5):
                context = zygote.fork()
                values.add(context.run("import numpy as np; print(np.random.rand(), np.random.default_rng().random())").stdout)
                reply = context.run("import matplotlib.pyplot as plt; plt.plot(np.linalg.svd(np.eye(50))[1]);")
                self.assertTrue(any("image/png" in body for _, body in reply.bundles), (reply.errors, reply.stderr))
                context.sock.close()
            self.assertEqual(len(values), 5)
        finally:
            zygote.close()


class CodecTest(unittest.TestCase):
    """Limits of `frames.py`."""

    def setUp(self):
        sys.path.insert(0, FOLDER)
        import driver

        driver.load_package(FOLDER)
        from belljar_driver import frames

        sys.path.remove(FOLDER)
        self.frames = frames
        ours, theirs = socket.socketpair()
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        self.ours, self.channel = ours, frames.Channel(theirs)

    def test_frames_may_arrive_in_pieces(self):
        data = struct.pack("<II", 11, 2) + b'{"t": "ab"}' + b"xy"
        for piece in (data[:3], data[3:9], data[9:] + data):
            self.ours.sendall(piece)
        self.assertEqual(self.channel.receive(), ({"t": "ab"}, b"xy"))
        self.assertEqual(self.channel.receive(), ({"t": "ab"}, b"xy"))

    def test_bad_frames(self):
        for data in (struct.pack("<II", 1 << 17, 0), struct.pack("<II", 2, 1 << 26), struct.pack("<II", 2, 0) + b"[]"):
            self.setUp()
            self.ours.sendall(data)
            with self.assertRaises(self.frames.FrameError):
                self.channel.receive()

    def test_descriptors(self):
        read, write = os.pipe()
        self.addCleanup(os.close, read)
        socket.send_fds(self.ours, [struct.pack("<II", 9, 0) + b'{"t":"a"}'], [write, write, write])
        os.close(write)
        self.channel.receive()
        taken = self.channel.take_descriptors(2)
        self.assertEqual(len(taken), 2)
        for descriptor in taken:
            self.assertFalse(os.get_inheritable(descriptor))
            os.close(descriptor)
        self.assertEqual(os.read(read, 1), b"")


if __name__ == "__main__":
    unittest.main()
