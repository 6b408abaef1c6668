"""R contexts."""

import base64
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import unittest

from peer import FOLDER
from standing import StandingContext, check


@unittest.skipUnless(shutil.which("R"), "there is no R on this machine")
class RTest(StandingContext, unittest.TestCase):
    """`bash --noprofile --norc driver-r.sh`."""

    command = ["bash", "--noprofile", "--norc", os.path.join(FOLDER, "driver-r.sh")]
    alive = "cat(x)"
    loops = [
        "while (TRUE) {}", "repeat x <- 41", "Sys.sleep(60)", "f <- function() f2(); f2 <- function() repeat NULL; f()",
        "tryCatch(repeat NULL, error = function(e) NULL)", "structure(1, class = 'slow'); print.slow <- function(x) repeat NULL; structure(1, class = 'slow')",
    ]
    rows = [
        ("1 + 1", {"main": "[1] 2"}),
        ("x <- 5", {"main": None}),
        ("x; y <- 2\nx * y", {"main": "[1] 10"}),
        ("x; y <- 2", {"main": None}),
        ("NULL", {"main": "NULL"}),
        ("invisible(3)", {"main": None}),
        ("cat('hi\\n'); message('to stderr')", {"out": "hi\n", "err": "to stderr\n", "main": None}),
        ("print('out')", {"out": "[1] \"out\"\n", "main": None}),
        ("data.frame(a = 1:2, b = c('p', 'q'))", {"main": "  a b\n1 1 p\n2 2 q"}),
        ("'größe 图'", {"main": "[1] \"größe 图\""}),
        ("print.mine <- function(x, ...) cat('<mine>\\n')\nstructure(1, class = 'mine')", {"main": "<mine>"}),
        ("setClass('S', representation(a = 'numeric')); setMethod('show', 'S', function(object) cat('an S\\n')); new('S', a = 1)", {"main": "an S"}),
        ("quote(a + b)", {"main": "a + b"}),
        ("as.name('no_such')", {"main": "no_such"}),
        ("function(a)  a+1", {"main": "function(a)  a+1"}),
        ("stop('bad')", {"status": "error", "name": "simpleError", "line": 1, "code": 1}),
        ("\n\nf <- function() {\n  stop('t') }\nf()", {"status": "error", "name": "simpleError", "line": 4}),
        ("1\nlog(-1)\n1 + 'a'", {"status": "error", "name": "simpleError", "line": 3, "err": "Warning in log(-1) : NaNs produced\n"}),
        ("function(i) {\n  stop('t') }\n(function() {\n\n  stop('u') })()", {"status": "error", "line": 5}),
        ("\nf()", {"status": "error", "name": "simpleError", "line": 2}),
        ("stop(structure(class = c('mine_error', 'error', 'condition'), list(message = 'm', call = NULL)))", {"status": "error", "name": "mine_error"}),
        ("a b", {"status": "error", "name": "SyntaxError", "syntax": True, "line": 1}),
        ("cat('never')\nf(", {"status": "error", "syntax": True, "line": 2, "out": ""}),
        ("library(no_such)", {"status": "error", "name": "packageNotFoundError", "import": True}),
        ("no_such::f", {"status": "error", "import": True}),
        ("tryCatch(stop('a'), error = function(e) 'caught')", {"main": "[1] \"caught\""}),
        ("try(stop('tried'), silent = TRUE); 1", {"main": "[1] 1"}),
        ("warning('beware'); 2", {"main": "[1] 2", "err": "Warning: beware\n"}),
        ("suppressWarnings(as.integer('a'))", {"main": "[1] NA", "err": ""}),
        ("options(warn = 2); as.integer('a')", {"status": "error", "name": "simpleError"}),
        ("options(warn = 0)", {}),
        ("quit(status = 3)", {"status": "exit", "code": 3}),
        ("on.exit(1); q('no')", {"status": "exit", "code": 0}),
        ("base::quit(status = 300)", {"status": "exit", "code": 44}),
        ("invokeRestart('abort')", {"status": "exit", "code": 1}),
        ("x", {"main": "[1] 5"}),
        ("deep <- function() deep(); deep()", {"status": "error"}),
        ("sink('to.txt'); 1 + 1; sink(); readLines('to.txt')", {"main": "[1] \"[1] 2\""}),
        ("strrep('a', 30e6)", {"main": "[left out: this result has 28.6 MiB, more than the 24 MiB a result may have]"}),
        ("system('echo child; echo e >&2')", {"out": "child\n", "err": "e\n"}),
        ("c <- file('to.txt'); sink(c); closeAllConnections(); 1", {"main": "[1] 1"}),
        ("readLines(stdin())", {"main": "character(0)"}),
        ("browser(); 2", {"main": "[1] 2"}),
        ("writeLines('z <- 9; stop(\"in a file\")', 's.R'); source('s.R')", {"status": "error", "line": 1}),
        ("system2('cat', stdout = TRUE)", {"main": "character(0)"}),
        ("readLines('stdin')", {"main": "character(0)"}),
        ("readline('? ')", {"main": "[1] \"\""}),
        ("length(grep('pipe|socket', system('readlink /proc/self/fd/*', intern = TRUE)))", {"main": "[1] 2"}),
        ("unlist(parallel::mclapply(1:3, function(i) i * 2))", {"main": "[1] 2 4 6"}),
        ("suppressWarnings(parallel::mclapply(1:2, function(i) quit(status = 1))); 1", {"main": "[1] 1"}),
        ("(" * 100_000, {"status": "error"}),
        ("-" * 100_000 + "1", {"status": "error"}),
        ("", {"main": None}),
        ("# only a comment", {"main": None}),
        ("y <- 1\r\ny\r\n", {"main": "[1] 1"}),
        (b"'\xff'", {"status": "error", "syntax": True}),
        (b"'a\0b'", {"status": "error", "syntax": True}),
        ("cat(strrep('x', 1e6))", {"out": "xxx"}),
        ("'\\x01 \\\\ \"'", {"main": "[1] \"\\001 \\\\ \\\"\""}),
    ]
    show = "cat(Sys.getenv(c('OWN', 'B', 'C'), '-')); cat('\\n')"
    borrowing = [
        (f"Sys.setenv(OWN = 'own'); {show}", None, "own - -\n"),
        (show, {"OWN": "1", "B": "größe \"\n\\"}, "1 größe \"\n\\ -\n"),
        (show, None, "own - -\n"),
        ("system('echo $B')", {"B": "child"}, "child\n"),
        ("Sys.unsetenv('OWN'); Sys.setenv(C = 'stays'); stop('x')", {"OWN": "1", "B": "2"}, ""),
        (f"{show}; Sys.unsetenv('C')", {}, "own - stays\n"),
        ("quit()", {"OWN": "1", "a.b": "2"}, ""),
    ]

    def test_plots(self):
        for code, plots, main in [
            ("plot(1:3); lines(3:1); 7", 1, "[1] 7"),
            ("plot(1)\nhist(c(1, 2, 2))\nx <- 1", 2, None),
            ("par(mfrow = c(1, 2)); plot(1); plot(2)", 1, None),
            ("for (i in 1:12) plot(i)", 12, None),
            ("plot(1); stop('after')", 1, None),
            ("plot(1); dev.off()", 1, "null device \n          1 "),
            ("png('own.png'); plot(1); invisible(dev.off()); file.exists('own.png')", 0, "[1] TRUE"),
            ("pdf('own.pdf'); plot(1)", 0, None),
            ("names(dev.cur()); invisible(dev.off())", 0, None),
            ("print(structure(1, class = 'figure')); print.figure <- function(x) plot(1)\nstructure(1, class = 'figure')", 1, None),
            ("library(grid); grid.rect()", 1, None),
        ]:
            with self.subTest(code=code):
                reply = self.driver.run(code)
                drawn = [body["image/png"] for header, body in reply.bundles if "image/png" in body]
                self.assertEqual((len(drawn), reply.main), (plots, main), (reply.errors, reply.stderr))
                for picture in map(base64.b64decode, drawn):
                    self.assertEqual((picture[:8], picture[-8:-4]), (b"\x89PNG\r\n\x1a\n", b"IEND"))

    def test_tracebacks(self):
        self.driver.run("inner <- function(n) {\n  stop('deep')\n}")
        error = self.driver.run("outer <- function() {\n  inner(2)\n}\n\nouter()").error
        self.assertEqual(error["line"], 2)
        self.assertEqual(error["traceback"], [
            "outer()", "inner(2) at <cell 2>:2", "stop(\"deep\") at <cell 1>:2", "Error in inner(2) : deep",
        ])
        error = self.driver.run("\nstop('here')").error
        self.assertEqual(error["traceback"], ["stop(\"here\")", "Error: here"])
        error = self.driver.run("deep <- function(n) if (n) deep(n - 1) else stop('end'); deep(200)").error
        self.assertEqual(len(error["traceback"]), 42)

    def test_its_end_is_seen(self):
        self.driver.peer.start("tools::pskill(Sys.getpid(), 9)")
        self.assertEqual(self.driver.process.wait(10), -signal.SIGKILL)
        self.driver.close()
        self.setUp()


class MissingRTest(unittest.TestCase):
    """`driver-r.sh` where there is no R."""

    def test_it_is_told(self):
        ours, theirs = socket.socketpair()
        launch = 'exec 3<&"$1"; PATH=/nonexistent exec "$2" --noprofile --norc "$3"'
        words = [str(theirs.fileno()), shutil.which("bash"), os.path.join(FOLDER, "driver-r.sh")]
        subprocess.run(["bash", "-c", launch, "sh", *words], pass_fds=[theirs.fileno()], check=False, timeout=20)
        theirs.close()
        head, payload = struct.unpack("<II", ours.recv(8))
        self.assertEqual((json.loads(ours.recv(head)), payload), ({"t": "failed", "step": "find R", "errno": 2}, 0))
        ours.close()


if __name__ == "__main__":
    unittest.main()
