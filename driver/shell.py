"""The interpreter of a Python context: an IPython shell that speaks to a `Publisher`.

Cells behave as in a notebook; there is no kernel, no history file, no thread, no terminal.
Results, displays and errors go to the publisher as they happen; streams are the real
descriptors 1 and 2. Receiving cells and sending frames is left to `context.py`.
"""

import ast
import os
import re
import sys

import IPython.core.interactiveshell as interactiveshell
from IPython.core.autocall import ExitAutocall
from IPython.core.compilerop import CachingCompiler
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.error import UsageError
from IPython.core.history import HistoryManager
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.profiledir import ProfileDir
from traitlets import Any, Type

from . import faults, forms, pictures, streams

# Anything that IPython's input transformers might change. A false hit costs time only.
SPECIAL = re.compile(
    r"\A[^\S\n]|^[ \t]*(?:[%!?,;/$>]|In \[|\.\.\.)|=\s*[%!]|\?[ \t]*(?:#.*)?;?[ \t]*$", re.MULTILINE
)
LEADING_LINES = re.compile(r"(?:[ \t\r\f]*\n)*")
LARGE_CHARS = 100_000
PREFILTER_CHARS_MAX = 10_000
QUIET_CHARS_MAX = 200_000
# Functions of IPython's machinery whose report is the outcome of the cell itself.
RUNNERS = frozenset(
    {"run_code", "run_ast_nodes", "run_cell_async", "_run_cell", "showindentationerror", "run_cell"}
)


class CellCompiler(CachingCompiler):
    """Names the code of cell 3 `<cell 3>`, in tracebacks and everywhere else."""

    def get_code_name(self, raw_code, transformed_code, number):
        """Return the file name of a cell's code."""
        return f"<cell {number}>"

    def format_code_name(self, name):
        """Return label and name for IPython's own tracebacks."""
        return ("Cell", name.strip("<>").removeprefix("cell ")) if name in self._filename_map else None


class ResultHook(DisplayHook):
    """Sends the value of a cell's last expression."""

    def quiet(self):
        """Whether a final semicolon silences the value, without tokenising huge cells."""
        history = self.shell.history_manager.input_hist_parsed
        cell = history[-1].rstrip() if len(history) else ""
        if ";" not in cell[cell.rfind("\n") + 1 :]:
            return False
        return len(cell) <= QUIET_CHARS_MAX and self.semicolon_at_end_of_expression(cell)

    def write_output_prompt(self):
        """No prompt: the result is a message of its own."""

    def write_format_data(self, format_dict, md_dict=None):
        """Send the bundle as the main result."""
        self.shell.publisher.publish(format_dict, main=True)

    def log_output(self, format_dict):
        """Keep the text only: whole bundles would pile up in memory."""
        if "text/plain" in format_dict:
            self.shell.history_manager.output_hist_reprs[self.prompt_count] = format_dict["text/plain"]

    def finish_displayhook(self):
        """End without the separator that a terminal wants."""
        self._is_active = False


class FramePublisher(DisplayPublisher):
    """Sends what `display()` is given."""

    def publish(self, data, metadata=None, source=None, *, transient=None, update=False, **kwargs):
        """Send one bundle; metadata has no place in the protocol."""
        display_id = (transient or {}).get("display_id")
        self.shell.publisher.publish(data, main=False, display_id=display_id, update=update)

    def clear_output(self, wait=False):
        """Nothing to clear: what was sent stays sent."""


class Exit(ExitAutocall):
    """`exit`, `quit`, `exit(3)`: end the cell with that code."""

    def __call__(self, code=None):
        raise SystemExit(code)


class Shell(InteractiveShell):
    """IPython's shell with its edges replaced; see the module's head."""

    compiler_class = Type(CellCompiler)
    publisher = Any()

    def __init__(self, publisher, **kwargs):
        self.faults_reported = 0
        self._reported = None
        super().__init__(
            displayhook_class=ResultHook, display_pub_class=FramePublisher, publisher=publisher, **kwargs
        )
        self.exiter = Exit(self)
        self.user_ns["exit"] = self.user_ns["quit"] = self.exiter

    # What a terminal or a kernel would have: directories, history, a pager.

    def init_ipython_dir(self, ipython_dir):
        """Name the directory, create nothing."""
        self.ipython_dir = os.path.join(os.path.expanduser("~"), ".ipython")

    def _ipython_dir_changed(self, change):
        """Not created either, where IPython's own observer would."""

    def init_profile_dir(self, profile_dir):
        """A profile without a place: nothing is read from it or written to it."""
        self.profile_dir = ProfileDir()

    def init_history(self):
        """A history in memory, without SQLite and without its thread."""
        self.history_manager = HistoryManager(
            shell=self, parent=self, hist_file=":memory:", enabled=False
        )
        self.configurables.append(self.history_manager)

    def init_virtualenv(self):
        """The interpreter is the template's own: nothing to add."""

    def init_user_ns(self):
        """Put back after every reset what a module has, and our own `exit` and `quit`."""
        super().init_user_ns()
        # multiprocessing's spawned children ask for the specification of `__main__`.
        for name in ("__doc__", "__loader__", "__package__", "__spec__"):
            self.user_ns.setdefault(name, None)
        if isinstance(self.exiter, Exit):
            self.user_ns["exit"] = self.user_ns["quit"] = self.exiter

    @property
    def db(self):
        """What magics remember between cells; lives as long as the context."""
        return self.__dict__.setdefault("_belljar_db", {})

    @db.setter
    def db(self, value):
        self.__dict__["_belljar_db"] = value

    def init_completer(self):
        """Nothing yet: few contexts are ever asked for completions."""

    @property
    def Completer(self):
        """The completer, made when it is first asked for."""
        if "_belljar_completer" not in self.__dict__:
            super().init_completer()
        return self.__dict__["_belljar_completer"]

    @Completer.setter
    def Completer(self, completer):
        self.__dict__["_belljar_completer"] = completer

    def set_completer_frame(self, frame=None):
        """Point the completer at a frame, if there is a completer."""
        if "_belljar_completer" in self.__dict__:
            super().set_completer_frame(frame)

    def init_hooks(self):
        """Show `name?` on stdout."""
        super().init_hooks()
        self.set_hook("show_in_pager", _print_page, 1)

    def ask_exit(self):
        """Called by whatever wants to leave the shell."""
        raise SystemExit(0)

    def enable_gui(self, gui=None):
        """There is no event loop of a GUI to start."""

    # Cells

    def transform_cell(self, raw_cell):
        """Skip IPython's tokenising transformers where they would change nothing."""
        # IPython drops empty lines at the start; the numbers of the others must not change.
        blank = LEADING_LINES.match(raw_cell).group()
        if blank:
            return "\n" * blank.count("\n") + self.transform_cell(raw_cell[len(blank) :])
        if self.input_transformers_post or (SPECIAL.search(raw_cell) and not _is_plain(raw_cell)):
            return super().transform_cell(raw_cell)
        cell = raw_cell if raw_cell.endswith("\n") else raw_cell + "\n"
        if len(cell) > PREFILTER_CHARS_MAX or "\n" in cell[:-1]:
            return cell
        with self.builtin_trap:
            return self.prefilter_manager.prefilter_lines(cell) + "\n"

    def should_run_async(self, raw_cell, **known):
        """Spare the trial compilation where no keyword asks for a loop."""
        text = known.get("transformed_cell") or raw_cell
        return ("await" in text or "async" in text) and super().should_run_async(raw_cell, **known)

    def run_one(self, code):
        """Run one cell and return IPython's result; errors have been published."""
        self.faults_reported = 0
        self._reported = None
        return self.run_cell(code, store_history=True)

    # Errors

    def report(self, kind, value, trace, syntax=False):
        """Publish an exception as the cell's error, once for each exception."""
        if value is self._reported:
            return
        self._reported = value
        self.faults_reported += 1
        streams.release_spares()
        self.publisher.publish_fault(faults.describe(kind, value, trace, syntax))

    def showtraceback(self, exc_tuple=None, filename=None, tb_offset=None,
                      exception_only=False, running_compiled_code=False):
        """Report the exception: the cell's own as an error, any other as text on stderr."""
        primary = _called_by_runner()
        with self.publisher.shield:
            try:
                kind, value, trace = self._get_exc_info(exc_tuple)
            except ValueError:
                print("No traceback available to show.", file=sys.stderr)
                return
            if isinstance(value, SystemExit) and primary:
                return
            if primary:
                self.report(kind, value, trace)
            else:
                text = "\n".join(faults.traceback_lines(kind, value, trace))
                print(text, file=sys.stderr, flush=True)

    def showsyntaxerror(self, filename=None, running_compiled_code=False):
        """Report that a cell cannot be compiled."""
        primary = _called_by_runner()
        with self.publisher.shield:
            kind, value, trace = self._get_exc_info()
            if primary:
                self.report(kind, value, None, syntax=True)
            else:
                print("\n".join(faults.traceback_lines(kind, value, trace)), file=sys.stderr)

    def showindentationerror(self):
        """Report wrong indentation like any error of syntax."""
        with self.publisher.shield:
            kind, value, _ = self._get_exc_info()
            self.report(kind, value, None, syntax=True)

    def show_usage_error(self, exc):
        """Report a magic that was called wrongly."""
        with self.publisher.shield:
            self.report(UsageError, exc, None)

    def _format_exception_for_storage(self, exception, *_, **__):
        # IPython would format the traceback a second time, with its slowest formatter.
        return {"ename": type(exception).__name__, "evalue": faults.message_of(exception), "traceback": []}

    # Commands

    def system(self, cmd):
        """Run `!cmd`: a child on the same descriptors, no terminal between."""
        import subprocess

        command = self.var_expand(cmd, depth=1)
        flush_streams()
        code = subprocess.call(command, shell=True, executable=_command_shell())
        self.user_ns["_exit_code"] = code
        if code and getattr(self, "system_raise_on_error", False):
            raise subprocess.CalledProcessError(code, cmd)

    system_piped = system_raw = system

    def getoutput(self, cmd, split=True, depth=0):
        """Run `names = !cmd`: both streams of the child as lines."""
        import subprocess

        from IPython.utils.text import LSString, SList

        command = self.var_expand(cmd, depth=depth + 1)
        flush_streams()
        done = subprocess.run(
            command, shell=True, executable=_command_shell(),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )
        self.user_ns["_exit_code"] = done.returncode
        text = done.stdout.decode("utf-8", "replace")
        if done.returncode and getattr(self, "system_raise_on_error", False):
            raise subprocess.CalledProcessError(done.returncode, cmd, text)
        return SList(text.splitlines()) if split else LSString(text)

    def forget_cells(self):
        """Return to the state before the first cell (after warming up)."""
        import linecache

        self.reset(new_session=True)
        self.compile._filename_map.clear()
        for name in [name for name in linecache.cache if faults.CELL.match(name)]:
            del linecache.cache[name]
        for name in ("last_type", "last_value", "last_traceback", "last_exc"):
            if hasattr(sys, name):
                delattr(sys, name)
        self.last_execution_result = None
        self._reported = None


def _called_by_runner():
    """Whether IPython's cell machinery, not user code or a magic, called the caller."""
    code = sys._getframe(2).f_code
    return code.co_name in RUNNERS and code.co_filename == interactiveshell.__file__


def _is_plain(cell):
    """Whether a large cell is Python as it stands, so that IPython's slow tokenising is spared."""
    if len(cell) < LARGE_CHARS:
        return False
    try:
        compile(cell, "<cell>", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, True)
    except (SyntaxError, ValueError):
        return False
    except (MemoryError, RecursionError):
        # Too deep for the parser, which will say so again when the cell is compiled.
        return True
    return True


def _command_shell():
    return "/bin/bash" if os.path.exists("/bin/bash") else None


def _print_page(_shell, data, start=0, screen_lines=0, pager_cmd=None):
    text = data.get("text/plain", "") if isinstance(data, dict) else data
    print(text)


def flush_streams():
    """Flush Python's stdout and stderr, whatever the cell made of them."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            continue


def _quiet_warn(message, *arguments, **keywords):
    # IPython tells people at a terminal how to leave; here SystemExit is an outcome.
    if not str(message).startswith("To exit:"):
        keywords["stacklevel"] = keywords.get("stacklevel", 1) + 1
        _warn(message, *arguments, **keywords)


_warn = interactiveshell.warn
interactiveshell.warn = _quiet_warn
if hasattr(interactiveshell, "PickleShareDB"):
    # IPython 8 opens a database in the profile's folder; ours is in memory.
    interactiveshell.PickleShareDB = lambda _folder: {}


def build(publisher):
    """Return the shell of this process; `get_ipython()` finds it."""
    import IPython

    colors = "nocolor" if IPython.version_info[0] >= 9 else "NoColor"
    shell = Shell.instance(publisher=publisher, colors=colors)
    forms.install(shell)
    pictures.install()
    return shell
