"""Tries the E2B SDK that is installed with a server, and prints what came of it as JSON. What is expected is the caller's."""

import json
import time
from importlib.metadata import PackageNotFoundError, version

told = {"version": None, "steps": []}
try:
    told["version"] = version("e2b")
    from e2b_code_interpreter import Sandbox
except (PackageNotFoundError, ImportError):
    print(json.dumps(told))
    raise SystemExit


def step(name, call):
    began = time.monotonic()
    error = result = None
    try:
        result = call()
    except Exception as raised:
        error = f"{type(raised).__name__}: {raised}"
    told["steps"].append({"name": name, "ms": (time.monotonic() - began) * 1000, "error": error})
    return result


def same(got, expected):
    assert got == expected, f"{got!r} instead of {expected!r}"


sandbox = step("create", lambda: Sandbox.create(timeout=60))
if sandbox:
    step("code", lambda: same(sandbox.run_code("6 * 7").text, "42"))
    step("command", lambda: same(sandbox.commands.run("echo hi").stdout, "hi\n"))
    step("write", lambda: sandbox.files.write("check.txt", "größe"))
    step("read", lambda: same(sandbox.files.read("check.txt"), "größe"))
    step("kill", lambda: same(sandbox.kill(), True))
print(json.dumps(told))
