"""Descriptors 0, 1 and 2 and the text objects over them.

Python's `sys.stdout` and `sys.stderr` stay the same objects; what changes with every execution
is what the descriptors beneath them lead to.
"""

import builtins
import fcntl
import io
import os
import sys

_python_input = builtins.input
_flush_stdio = None
# Held back while a cell runs: one that opens too many files must still be able to end, and the
# next one's streams to arrive.
SPARES = 2
SPARES_FROM = 32
_spares = []


def text_stream(descriptor):
    """Return a line-buffered UTF-8 text stream that never closes its descriptor."""
    raw = io.FileIO(descriptor, "w", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace", line_buffering=True
    )


def ensure_open():
    """Replace text streams that a cell closed or lost."""
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name, None)
        try:
            usable = not stream.closed if hasattr(stream, "closed") else hasattr(stream, "write")
        except Exception:
            usable = False
        if not usable:
            fresh = text_stream(descriptor)
            setattr(sys, name, fresh)
            setattr(sys, f"__{name}__", fresh)


def prepare():
    """Set the streams of a new process up: encoding, buffering, stdin, `input`."""
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.dup2(null, descriptor)
    if null > 2:
        os.close(null)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", errors="replace", closefd=False)
    builtins.input = _input


def _input(prompt="", /):
    """Read a line from standard input."""
    try:
        return _python_input(prompt)
    except EOFError:
        raise EOFError(
            "stdin is closed: input() cannot ask anybody here; put the value into the code"
        ) from None


_input.__name__ = _input.__qualname__ = "input"


def connect(descriptors):
    """Make descriptors 1 and 2 lead to these, as far as they came, and close the originals."""
    for source, target in zip(descriptors, (1, 2)):
        os.dup2(source, target)
        os.close(source)
    _hold_spares()


def _hold_spares():
    """Take the spares again; they have high numbers where the limit leaves room for that."""
    while len(_spares) < SPARES:
        try:
            # O_PATH: no file that a cell opened looks like this one.
            spare = os.open(os.devnull, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            return  # other threads of the cell were quicker
        try:
            _spares.append(fcntl.fcntl(spare, fcntl.F_DUPFD_CLOEXEC, SPARES_FROM))
            os.close(spare)
        except OSError:
            _spares.append(spare)


def release_spares():
    """Give the spares up: for telling of an error, and for the descriptors that come next."""
    while _spares:
        spare = _spares.pop()
        try:
            # The cell may have closed it, and have a file of its own at that number.
            if fcntl.fcntl(spare, fcntl.F_GETFL) & os.O_PATH:
                os.close(spare)
        except OSError:
            continue


def disconnect():
    """Lead 1 and 2 nowhere, so that a reader of the execution's pipes sees their end.

    Leaves 0, 1 and 2 open whatever the cell closed: a descriptor that arrives later must not
    get one of these numbers.
    """
    release_spares()
    try:
        null = os.open(os.devnull, os.O_RDWR)
    except OSError:
        # Not one is left: these two have to go first.
        os.closerange(1, 3)
        null = os.open(os.devnull, os.O_RDWR)
    while null < 2:
        null = os.dup(null)
    os.dup2(null, 1)
    os.dup2(null, 2)
    if null > 2:
        os.close(null)


def flush_stdio():
    """Flush what C code left in its own buffers."""
    global _flush_stdio
    if _flush_stdio is None:
        # `_ctypes` alone: the ctypes package would cost a fresh start several milliseconds.
        import _ctypes

        address = _ctypes.dlsym(_ctypes.dlopen(None, 0), "fflush")
        _flush_stdio = lambda: _ctypes.call_function(address, (None,))
    _flush_stdio()
