"""A driver whose stdout and stderr are pipes for its whole life, and what contexts of such drivers have in common."""

import os
import signal
import socket
import subprocess
import tempfile
import time

import peer
from peer import Closed, Peer, Reader


class StandingProcess:
    """A driver whose stdout and stderr are pipes for its whole life."""

    def __init__(self, command):
        self.home = tempfile.mkdtemp(prefix="belljar-test-")
        ours, theirs = socket.socketpair()
        (out_read, out_write), (error_read, error_write) = os.pipe(), os.pipe()
        self.process = subprocess.Popen(
            ["bash", "-c", 'exec 3<&"$SOCKET"; eval "exec $SOCKET<&-"; unset SOCKET; exec "$@"', "sh", *command],
            pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=out_write, stderr=error_write,
            env={**peer.environment(self.home), "SOCKET": str(theirs.fileno())}, cwd=self.home,
            # As the guest starts it: whoever runs the tests in the background ignores SIGINT.
            start_new_session=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        for descriptor in (out_write, error_write):
            os.close(descriptor)
        theirs.close()
        self.out, self.error = Reader(out_read), Reader(error_read)
        ours.settimeout(60)
        self.peer = Peer(ours, self.process.pid, passes_streams=False)

    def run(self, code, env=None):
        """Execute and return the reply with what the streams got."""
        return self._with_streams(self.peer.run(code, env))

    def run_interrupted(self, code, env=None):
        """Execute, interrupt, return the reply."""
        return self._with_streams(self.peer.run_interrupted(code, 0.3, env))

    def _with_streams(self, reply):
        time.sleep(0.02)
        reply.stdout, reply.stderr = self.out.content.decode(), self.error.content.decode()
        self.out.content.clear()
        self.error.content.clear()
        return reply

    def close(self):
        """End the driver and return its exit code."""
        self.peer.sock.close()
        return peer.end(self.process, self.home)


def check(test, reply, expected):
    """Compare a reply with one row of a table."""
    test.assertEqual(reply.status, expected.get("status", "ok"), (reply.errors, reply.stderr))
    if "code" in expected:
        test.assertEqual(reply.exit_code, expected["code"])
    test.assertIn(expected.get("out", ""), reply.stdout)
    test.assertIn(expected.get("err", ""), reply.stderr)
    if "main" in expected:
        test.assertEqual(reply.main, expected["main"])
    for key in ("name", "line", "syntax", "import", "errno"):
        if key in expected:
            test.assertEqual(reply.error[key], expected[key], reply.error)


class StandingContext:
    """What Bash and JavaScript contexts have in common; subclasses give command and tables."""

    def setUp(self):
        self.driver = StandingProcess(self.command)

    def tearDown(self):
        self.assertEqual(self.driver.close(), 0)

    def test_table(self):
        for code, expected in self.rows:
            with self.subTest(code=code[:60]):
                check(self, self.driver.run(code), expected)

    def test_interrupts(self):
        self.driver.run("x=41")
        for code in self.loops:
            with self.subTest(code=code):
                begin = time.monotonic()
                reply = self.driver.run_interrupted(code)
                self.assertLess(time.monotonic() - begin, 4)
                self.assertEqual(reply.status, "error")
                self.assertEqual(reply.error["name"], "KeyboardInterrupt")
                check(self, self.driver.run(self.alive), {"out": "41"})

    def test_interrupt_between_cells(self):
        self.driver.run("x=41")
        for _ in range(5):
            self.driver.peer.interrupt()
            time.sleep(0.02)
        check(self, self.driver.run(self.alive), {"out": "41"})

    def test_environment_of_one_cell(self):
        for code, env, printed in self.borrowing:
            with self.subTest(code=code[:60]):
                self.assertEqual(self.driver.run(code, env).stdout, printed)
        self.driver.run_interrupted(self.loops[0], {"OWN": "interrupted", "B": "interrupted"})
        self.assertEqual(self.driver.run(self.borrowing[0][0]).stdout, "own - -\n")

    def test_bad_frame(self):
        self.driver.peer.send({"t": "nonsense"})
        with self.assertRaises(Closed):
            self.driver.peer.receive()
        self.driver.close()
        self.setUp()
