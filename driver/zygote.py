"""The zygote: a Python with its imports done that forks itself into rooms, once per context.

`python -I -B zygote.py MODULE,MODULE,…` with the jailer's socket as descriptor 3. It runs no
user code and trusts no room: a room that sends nonsense or does not read is closed. What the
child does after entering is left to `context.py`; entering itself to `enter.py`.
"""

import contextlib
import gc
import os
import sys
import types

PACKAGE = "belljar_driver"
# IPython for the Python of an image that brings none; behind all that the image has itself.
PACKAGES = "/.belljar/packages"


def load_package(folder):
    """Make this folder importable as `belljar_driver`."""
    package = types.ModuleType(PACKAGE)
    package.__path__ = [folder]
    package.__package__ = PACKAGE
    sys.modules[PACKAGE] = package


def main():
    """Serve the jailer's socket at descriptor 3."""
    load_package(os.path.dirname(os.path.abspath(__file__)))
    if os.path.isdir(PACKAGES):
        sys.path.append(PACKAGES)
    preload = [name for name in (sys.argv[1] if len(sys.argv) > 1 else "").split(",") if name]
    # The imports make much that stays: collecting in between costs a tenth of the start.
    gc.disable()
    from belljar_driver import later

    # Modules are named for many contexts, each quick; without any, the first one is to be there soon.
    with contextlib.nullcontext() if preload else later.Postponed():
        from belljar_driver import context, nursery

    # Before any import that loads BLAS or OpenMP: their pools must not have threads at the fork.
    os.environ.update(dict.fromkeys(context.THREAD_VARIABLES, "1"))
    nursery.run(3, preload)


if __name__ == "__main__":
    main()
