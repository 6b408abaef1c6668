"""Make a sandbox, run `1+1`, kill it, with the unmodified SDK: in turns at the server and at canned answers.

Arguments: how many rounds, the server's URL, the canned server's URL. Prints one row of `cargo xtask bench`.
"""

import json
import os
import sys
import time

from e2b_code_interpreter import Sandbox

WARM_UP_ROUNDS = 5

rounds, server, canned = int(sys.argv[1]), sys.argv[2], sys.argv[3]
os.environ["E2B_API_KEY"] = "e2b_" + "0" * 40


def one(url):
    """Return the milliseconds of one round."""
    os.environ["E2B_API_URL"] = os.environ["E2B_SANDBOX_URL"] = url
    start = time.perf_counter()
    sandbox = Sandbox.create()
    ran = sandbox.run_code("1+1")
    killed = sandbox.kill()
    wall = (time.perf_counter() - start) * 1000
    if (ran.text, ran.error, killed) != ("2", None, True):
        raise RuntimeError(f"1+1 gave {ran.text!r}, {ran.error}, killed: {killed}")
    return wall


def sampled(side, url):
    try:
        side["samples"].append(one(url))
    except Exception as error:
        side["failures"] += 1
        side["why"] = side["why"] or f"{type(error).__name__}: {error}"


ours, peer = ({"samples": [], "failures": 0, "why": None} for _ in range(2))
for url in (server, canned) * WARM_UP_ROUNDS:
    one(url)
for _ in range(rounds):
    sampled(ours, server)
    sampled(peer, canned)
print(
    json.dumps(
        {
            "name": "create, `run_code(\"1+1\")`, kill with the Python SDK",
            "unit": "ms",
            "ours": ours,
            "peer": {"name": "canned answers", **peer},
            "ratio_max": 1.5,
            "plus": 10,
        }
    )
)
