"""Begins Jupyter's kernels and asks them, as one order a line on standard input says. The answer is one line of numbers.

`begin`: milliseconds until the first reply of a kernel, which ends then. `live N`: so many kernels import pandas and stay;
their process ids.
"""

import sys
import time

from jupyter_client import KernelManager


def begin(code):
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    reply = client.execute(code, reply=True, timeout=60)
    assert reply["content"]["status"] == "ok", reply
    return manager, client


def end(manager, client):
    client.stop_channels()
    manager.shutdown_kernel(now=True)


live = []
try:
    for line in sys.stdin:
        order, *count = line.split()
        if order == "begin":
            start = time.perf_counter()
            kernel = begin("1+1")
            print((time.perf_counter() - start) * 1000, flush=True)
            end(*kernel)
        elif order == "live":
            live += [begin("import pandas") for _ in range(int(count[0]))]
            print(*[manager.provisioner.pid for manager, _ in live], flush=True)
        else:
            break
finally:
    for kernel in live:
        end(*kernel)
