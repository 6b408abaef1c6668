"""What an exception in a cell becomes: the payload of an `error` frame.

Plain tracebacks with the cells' own line numbers, without frames of the driver or of IPython's
machinery. Nothing here may raise: an exception's own text can be hostile.
"""

import os
import re
import traceback

FOLDER = os.path.dirname(os.path.abspath(__file__)) + os.sep
CELL = re.compile(r"^<cell \d+>$")
MESSAGE_CHARS_MAX = 32 * 1024
LINE_CHARS_MAX = 4 * 1024
LINES_HEAD = 80
LINES_TAIL = 160
FRAMES_MAX = 2000
CHAIN_MAX = 12
MACHINERY = f"{os.sep}site-packages{os.sep}IPython{os.sep}"


def _clip(text, chars_max):
    if len(text) <= chars_max:
        return text
    return f"{text[:chars_max]}… [{len(text) - chars_max} more characters]"


def message_of(value):
    """Return `str(value)`, or a stand-in when that fails."""
    try:
        return _clip(str(value), MESSAGE_CHARS_MAX)
    except BaseException:
        return f"<{type(value).__name__} whose text cannot be made>"


def _is_own(summary):
    return summary.filename.startswith(FOLDER) or MACHINERY in summary.filename


def _tidy(exception, depth=0):
    """Drop machinery frames from a TracebackException and cut endless chains."""
    if exception is None:
        return
    own = [summary for summary in exception.stack if not _is_own(summary)]
    exception.stack = traceback.StackSummary.from_list(own)
    if depth >= CHAIN_MAX:
        exception.__cause__ = exception.__context__ = None
    _tidy(exception.__cause__, depth + 1)
    _tidy(exception.__context__, depth + 1)
    for inner in getattr(exception, "exceptions", None) or ():
        _tidy(inner, depth + 1)


def _frame_limit(trace):
    """Return the `limit` for stacks so deep that reading them all would take seconds."""
    count = 0
    while trace is not None and count <= FRAMES_MAX:
        count += 1
        trace = trace.tb_next
    return -FRAMES_MAX if count > FRAMES_MAX else None


def _shorten(lines):
    left_out = len(lines) - LINES_HEAD - LINES_TAIL
    if left_out <= 0:
        return lines
    return [*lines[:LINES_HEAD], f"  … {left_out} lines left out …", *lines[-LINES_TAIL:]]


def traceback_lines(kind, value, trace):
    """Return the traceback as a list of lines without line ends."""
    try:
        custom = getattr(value, "_render_traceback_", None)
        if callable(custom):
            return [_clip(str(line), LINE_CHARS_MAX) for line in custom()]
        told = traceback.TracebackException(kind, value, trace, limit=_frame_limit(trace), compact=True)
        _tidy(told)
        text = "".join(told.format())
    except BaseException:
        text = f"{kind.__name__}: {message_of(value)}"
    return [_clip(line, LINE_CHARS_MAX) for line in _shorten(text.rstrip("\n").split("\n"))]


def cell_line(value, trace):
    """Return the line of the running cell that the error belongs to, or None."""
    if isinstance(value, SyntaxError) and CELL.match(str(value.filename or "")):
        return value.lineno if isinstance(value.lineno, int) else None
    line = cell = None
    while trace is not None:
        filename = trace.tb_frame.f_code.co_filename
        if cell is None and CELL.match(filename):
            # The running cell calls what earlier ones defined, never the other way round.
            cell = filename
        if cell is not None and filename == cell:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def describe(kind, value, trace, syntax=False):
    """Return the JSON-able payload of an `error` frame; `syntax`: the cell never ran."""
    number = getattr(value, "errno", None) if isinstance(value, OSError) else None
    if syntax and issubclass(kind, MemoryError):
        # How the parser tells that its stack is too small; nothing is short of memory.
        text = "the code is too large or nested too deeply to be compiled"
        kind, value, trace = SyntaxError, SyntaxError(text), None
    return {
        "name": kind.__name__,
        "message": message_of(value),
        "traceback": traceback_lines(kind, value, trace),
        "line": cell_line(value, trace),
        "errno": number if type(number) is int else None,
        "syntax": syntax or isinstance(value, SyntaxError),
        "import": isinstance(value, ImportError),
    }
