"""Warms the zygote: imports, one shell, a few cells through the very path that user cells take.

Imports and displays only: a parent that has computed with BLAS, OpenMP or polars hands broken
thread pools on to its forks.
"""

import gc
import importlib
import json
import os
import socket
import sys

from . import context, frames, later, renew, streams

# Background threads that are known to survive a fork harmlessly.
HARMLESS_THREADS = ("jemalloc_bg_thd", "polars")
# What a first cell, a first error, a first `!` and a first `await` would import.
LAZY_MODULES = (
    "asyncio", "bdb", "ctypes", "inspect", "json", "logging", "queue", "random", "subprocess",
    "tempfile", "textwrap", "traceback", "uuid", "IPython.core.display_functions",
)
CELLS = [
    "print(2 + 2)",
    "1 + 1",
    "for number in [1, 2]:\n    text = f'{number}'\ntext",
    "1 / 0",
    "a b",
    "display({'text/plain': 'warm'}, raw=True)",
    "%who_ls",
    "import asyncio\nawait asyncio.sleep(0)",
]
MODULE_CELLS = {
    "pandas": "import pandas\npandas.DataFrame({'a': [1.5, 2.5], 'b': [1, 2]})",
    "numpy": "import numpy\nnumpy.arange(3)",
}


def warm(preload):
    """Return a `Context` that is ready to be forked; raises what an import raises.

    Without modules to preload nothing is rehearsed either: the first context then is there
    soonest, and its first cells import what they need by themselves.
    """
    os.environ.setdefault("MPLBACKEND", context.DEFAULT_ENVIRONMENT["MPLBACKEND"])
    streams.prepare()
    streams.disconnect()
    ours, theirs = socket.socketpair()
    if preload:
        made = context.Context(frames.Channel(ours))
        rehearse_all(made, theirs, preload)
    else:
        with later.Postponed():
            made = context.Context(frames.Channel(ours))
    theirs.close()
    made.channel.close()
    renew.survey()
    if preload:
        gc.collect()
    gc.freeze()
    gc.enable()
    return made


def rehearse_all(made, peer, preload):
    """Import the modules, run all cells, and leave no trace of them."""
    for name in (*LAZY_MODULES, *preload):
        importlib.import_module(name)
    if "matplotlib.pyplot" in sys.modules:
        importlib.import_module("matplotlib_inline.backend_inline")
    cells = CELLS + [cell for name, cell in MODULE_CELLS.items() if name in sys.modules]
    for cell in cells:
        rehearse(made, peer, cell)
    made.shell.forget_cells()
    close_event_loop()


def rehearse_again(made):
    """In a fork that nobody waits for: take what memory a first cell takes of its own, and forget the cells."""
    ours, theirs = socket.socketpair()
    made.rebind(frames.Channel(ours))
    for cell in CELLS[:2]:
        rehearse(made, theirs, cell)
    made.shell.forget_cells()
    theirs.close()
    made.channel.close()


def rehearse(made, peer, cell):
    """Run one cell as the guest would have it run, and throw the answers away."""
    code = cell.encode()
    execute = json.dumps({"t": "execute", "execution": "exe_warm"}).encode()
    ack = json.dumps({"t": "ack"}).encode()
    # The answer to a bundle must be there before it is asked for: one thread plays both sides.
    expects_ack = cell.split("\n")[-1].startswith(("1", "text", "display", "pandas.", "numpy.", "a b", "%"))
    data = frames.PREFIX.pack(len(execute), len(code)) + execute + code
    if expects_ack:
        data += frames.PREFIX.pack(len(ack), 0) + ack
    peer.sendall(data)
    made.step()
    peer.recv(1 << 20)


def close_event_loop():
    """Forget the loop that the warming cells made: its descriptors must not be shared."""
    helpers = sys.modules.get("IPython.core.async_helpers")
    if helpers is not None:
        loop = getattr(helpers, "_asyncio_event_loop", None)
        if loop is not None and not loop.is_closed():
            loop.close()
        helpers._asyncio_event_loop = None
    import asyncio

    asyncio.set_event_loop_policy(None)


def stray_threads():
    """Return the names of threads, beside this one, that a fork would lose."""
    names = []
    for task in os.listdir("/proc/self/task"):
        if int(task) == os.getpid():
            continue
        with open(f"/proc/self/task/{task}/comm", encoding="utf-8", errors="replace") as comm:
            name = comm.read().strip()
        if not name.startswith(HARMLESS_THREADS):
            names.append(name)
    return names
