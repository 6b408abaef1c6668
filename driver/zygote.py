"""The zygote: a Python with its imports done that forks itself into rooms, once per context.

`python -I -B zygote.py MODULE,MODULE,…` with the jailer's socket as descriptor 3. It runs no
user code and trusts no room: a room that sends nonsense or does not read is closed. What the
child does after entering is left to `context.py`; entering itself to `enter.py`.
"""

import os
import sys
import types

# Before any import that loads BLAS or OpenMP: their pools must not have threads at the fork.
THREADS_OFF = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS", "RAYON_NUM_THREADS",
)
PACKAGE = "belljar_driver"


def load_package(folder):
    """Make this folder importable as `belljar_driver`."""
    package = types.ModuleType(PACKAGE)
    package.__path__ = [folder]
    package.__package__ = PACKAGE
    sys.modules[PACKAGE] = package


def main():
    """Serve the jailer's socket at descriptor 3."""
    load_package(os.path.dirname(os.path.abspath(__file__)))
    os.environ.update(dict.fromkeys(THREADS_OFF, "1"))
    from belljar_driver import nursery

    preload = sys.argv[1] if len(sys.argv) > 1 else ""
    nursery.run(3, [name for name in preload.split(",") if name])


if __name__ == "__main__":
    main()
