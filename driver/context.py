"""A Python context: receives `execute` frames, runs them in the shell, answers.

Used by the fresh interpreter (`driver.py`) and by the zygote's children (`zygote.py`) alike.
"""

import errno
import fcntl
import os
import random
import resource
import signal
import sys
import threading

from . import borrowed, bundles, enter, faults, frames, interrupts, pictures, shell, streams

EXIT_ERROR = 1
EXIT_INTERRUPTED = 130
DEFAULT_ENVIRONMENT = {
    "HOME": "/home/user",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "MPLCONFIGDIR": "/tmp/.matplotlib",
    "PLOTLY_RENDERER": "plotly_mimetype",
    "PYTHONDONTWRITEBYTECODE": "1",
}
FONT_LISTS = "/.belljar/template/belljar-mpl"
THREAD_VARIABLES = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS", "RAYON_NUM_THREADS",
)


class Publisher:
    """Sends bundles and errors of the running execution; waits for each answer."""

    def __init__(self, channel, shield):
        self.shield = shield
        self._channel = channel
        self._lock = threading.RLock()
        self._execution = None
        self._process = os.getpid()

    @property
    def is_child(self):
        """Whether this is a process that user code forked: such a one must not speak."""
        return os.getpid() != self._process

    def begin(self, execution):
        """Start publishing for this execution."""
        self._execution = execution

    def publish(self, bundle, main, display_id=None, update=False):
        """Send one bundle, in order with the streams."""
        with self.shield:
            payload = bundles.encode(bundle)
            if payload is not None:
                fields = {
                    "main": main,
                    "display_id": None if display_id is None else str(display_id),
                    "update": bool(update),
                }
                self._exchange("bundle", fields, payload)
        self.shield.raise_pending()

    def publish_fault(self, fault):
        """Send one error, in order with the streams."""
        if self.is_child:
            print("\n".join(fault["traceback"]), file=sys.stderr, flush=True)
            return
        self._exchange("error", {}, frames.encode_json(fault))

    def finish(self, status, exit_code):
        """End the execution; later bundles of stray threads have nowhere to go."""
        with self._lock:
            execution, self._execution = self._execution, None
            streams.disconnect()
            self._channel.send(
                {"t": "done", "execution": execution, "status": status, "exit_code": exit_code}
            )

    def _exchange(self, kind, fields, payload):
        if self.is_child:
            return
        with self._lock:
            if self._execution is None:
                return
            shell.flush_streams()
            streams.flush_stdio()
            try:
                self._channel.send({"t": kind, "execution": self._execution, **fields}, payload)
                header, _ = self._channel.receive()
            except (frames.EndOfStream, frames.FrameError, OSError):
                # Not an exception of user code, which might swallow it: the guest is gone.
                os._exit(EXIT_ERROR)
            if header["t"] != "ack":
                os._exit(EXIT_ERROR)


class Context:
    """One interpreter and the channel that drives it."""

    def __init__(self, channel):
        self.interrupts = interrupts.Interrupts(__package__)
        self.publisher = Publisher(channel, self.interrupts)
        self.shell = shell.build(self.publisher)
        # What a fork of a context puts off until code runs in it.
        self.rest = None
        self.rebind(channel)

    def rebind(self, channel):
        """Speak on this channel from now on (a fork has its own)."""
        self.channel = channel
        self.publisher = Publisher(channel, self.interrupts)
        self.shell.publisher = self.publisher

    def step(self):
        """Handle one frame from the guest."""
        header, payload = self.channel.receive()
        if header["t"] == "fork":
            return self.fork(header)
        if header["t"] != "execute" or not isinstance(header.get("execution"), str):
            raise frames.FrameError(f"expected execute, got {header['t']}")
        self.interrupts.begin()
        if self.rest is not None:
            self.rest.end()
            self.rest = None
        self.publisher.begin(header["execution"])
        descriptors = self.channel.take_descriptors(2)
        streams.connect(descriptors)
        streams.ensure_open()
        with self.interrupts:
            status, exit_code = "error", EXIT_ERROR
            self.channel.send({"t": "begun", "execution": header["execution"]})
            try:
                if self.channel.lost_descriptors():
                    raise OSError(errno.EMFILE, "no file descriptor is left for the output of this cell")
                with borrowed.of(header):
                    status, exit_code = self._run(payload)
            except BaseException as error:
                self._report_last_resort(error)
            if self.publisher.is_child:
                leave_child(exit_code)
            streams.ensure_open()
            shell.flush_streams()
            streams.flush_stdio()
            self.interrupts.end()
            self.publisher.finish(status, exit_code)

    def fork(self, order):
        """Fork this interpreter; the forks go on at the end of their own `forks.become`."""
        from . import forks

        with self.interrupts:
            report = forks.fork(self, order, self.channel.take_descriptors(2 * order["count"]))
            self.channel.send({"t": "forked"}, frames.encode_json(report))

    def _run(self, payload):
        """Run one cell's code and return the status and exit code of `done`."""
        try:
            code = payload.decode("utf-8")
        except UnicodeDecodeError as error:
            self.shell.faults_reported = 0
            self.shell.report(type(error), error, None, syntax=True)
            return "error", EXIT_ERROR
        return self._run_cell(code)

    def _run_cell(self, code):
        result = error = None
        try:
            self.interrupts.__exit__()
            try:
                self.interrupts.raise_pending()
                result = self.shell.run_one(code)
            finally:
                self.interrupts.__enter__()
        except BaseException as caught:
            error = caught
        if error is None and result is not None:
            error = result.error_before_exec or result.error_in_exec
        return self._outcome(error)

    def _outcome(self, error):
        if isinstance(error, SystemExit):
            return "exit", exit_code_of(error)
        if error is not None:
            self.shell.report(type(error), error, error.__traceback__)
        if isinstance(error, KeyboardInterrupt):
            return "error", EXIT_INTERRUPTED
        return ("error", EXIT_ERROR) if self.shell.faults_reported else ("ok", 0)

    def _report_last_resort(self, error):
        """Tell about an error that reporting an error met."""
        try:
            fault = faults.describe(type(error), error, None)
            self.publisher.publish_fault(fault)
        except BaseException:
            return


def exit_code_of(error):
    """Return what a process that ends with this `SystemExit` would return, 0 to 255."""
    code = error.code
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    try:
        print(code, file=sys.stderr)
    except Exception:
        pass
    return EXIT_ERROR


def leave_child(exit_code):
    """End a process that user code forked and that came out at the end of its cell."""
    shell.flush_streams()
    streams.flush_stdio()
    os._exit(exit_code)


def hide(descriptor):
    """Move the driver's socket away from the numbers that programs commonly touch."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    ceiling = 4096 if soft == resource.RLIM_INFINITY else min(soft, 4096)
    lowest = max(3, ceiling - 16 - random.SystemRandom().randrange(max(1, ceiling // 8)))
    try:
        moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, lowest)
    except OSError:
        moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)
    os.close(descriptor)
    return moved


def apply_environment(environment):
    """Fill in what every context needs and the caller did not set."""
    for name, value in DEFAULT_ENVIRONMENT.items():
        environment.setdefault(name, value)
    pictures.take_wish(environment)
    threads = environment.pop("BELLJAR_THREADS", "")
    if threads.isdigit():
        for name in THREAD_VARIABLES:
            environment.setdefault(name, threads)
    return int(threads) if threads.isdigit() else None


def link_font_lists(target):
    """Give matplotlib the template's font cache, without which its first use takes seconds."""
    try:
        names = [name for name in os.listdir(FONT_LISTS) if name.startswith("fontlist")]
        os.makedirs(target, exist_ok=True)
        for name in names:
            if not os.path.lexists(os.path.join(target, name)):
                os.symlink(os.path.join(FONT_LISTS, name), os.path.join(target, name))
    except OSError:
        # Without the links matplotlib builds its own cache: slower, not wrong.
        return


def start_session():
    """Own process group (interrupts reach children too), umask, import path."""
    try:
        os.setsid()
    except OSError:
        pass  # EPERM: already the leader of a session
    os.umask(0o022)
    if "" not in sys.path:
        sys.path.insert(0, "")
    sys.argv = [""]
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    link_font_lists(os.environ["MPLCONFIGDIR"])


def serve(context):
    """Say hello and handle frames until the stream ends; never returns."""
    channel = context.channel
    os.register_at_fork(after_in_child=channel.close)
    context.interrupts.install()
    code = 0
    try:
        channel.send({"t": "hello", "pid": os.getpid(), "walls": enter.verified_walls()})
        while True:
            context.step()
    except frames.EndOfStream:
        pass
    except (frames.FrameError, OSError):
        code = EXIT_ERROR
    os._exit(code)
