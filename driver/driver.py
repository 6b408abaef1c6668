"""Entry of a fresh interpreter: `python -I -B driver.py` with the guest's socket as descriptor 3.

Kept short: a script is compiled at every start, the modules behind it need not be.
"""

import os
import sys
import types


def load_package(folder):
    """Make this folder importable as `belljar_driver`, not as names that user code could mean."""
    package = types.ModuleType("belljar_driver")
    package.__path__ = [folder]
    package.__package__ = "belljar_driver"
    sys.modules["belljar_driver"] = package


def main():
    """Serve the socket at descriptor 3."""
    load_package(os.path.dirname(os.path.abspath(__file__)))
    from belljar_driver import fresh

    fresh.serve_descriptor(3)


if __name__ == "__main__":
    main()
