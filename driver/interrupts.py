"""When SIGINT becomes `KeyboardInterrupt`: only inside user code, never inside the driver.

An interrupt that arrives while the driver sends a frame or prepares a cell is kept and raised
as soon as user code runs; one that arrives between cells is dropped.
"""

import signal
import threading


class Interrupts:
    """The SIGINT handler of a driver and the state that decides what it does."""

    def __init__(self, package):
        self._package = package
        self._main = threading.get_ident()
        self._running = False
        self._shields = 0
        self._pending = False

    def install(self):
        """Make this the SIGINT handler again: a cell may have replaced it.

        A handler rather than SIG_IGN, because children would inherit an ignored signal.
        """
        signal.signal(signal.SIGINT, self._handle)

    def begin(self):
        """Start of an execution: from here on an interrupt is kept, not dropped."""
        self.install()
        self._pending = False
        self._shields = 0
        self._running = True

    def end(self):
        """End of an execution; an interrupt that came too late for it is dropped."""
        self._running = False
        self._pending = False
        self.install()

    def raise_pending(self):
        """Raise the interrupt that was kept, if there is one."""
        if self._pending and self._running and not self._shields:
            self._pending = False
            raise KeyboardInterrupt

    def _handle(self, _number, frame):
        if not self._running:
            return
        inside_driver = frame is not None and frame.f_globals.get("__package__") == self._package
        if self._shields or inside_driver:
            self._pending = True
            return
        raise KeyboardInterrupt

    def __enter__(self):
        """Shield a stretch of driver code, with all that it calls, from interrupts."""
        # Handlers run in the main thread only: another thread must not shield that one.
        if threading.get_ident() == self._main:
            self._shields += 1

    def __exit__(self, *_exception):
        if threading.get_ident() == self._main:
            self._shields = max(0, self._shields - 1)
