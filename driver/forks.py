"""Forks of a live context: what forbids one, what one does not carry over, and how a fork becomes a context.

The child moves to a tree of its own (`chroot`), where the writable places are copies of its parent's. What a
fork cannot have is told; what would hang or lie afterwards forbids the fork.
"""

import contextlib
import ctypes
import errno
import os
import random
import shutil
import signal
import socket
import stat
import sys
import threading

from . import births, context, enter, frames, renew

CAPABILITY_VERSION_3 = 0x20080522
# How much likelier each generation of forks is to be killed for memory, and the most that there is.
OOM_STEP, OOM_MAX = 50, 1000
# What this process has while its code runs; nothing before its first fork.
awake = None
# Open files that are told, and their paths.
FILES_MAX = 100
PATH_CHARS_MAX = 500
# Libraries whose threads do not come back in a fork, by the module that loads them.
UNSAFE = ("polars", "grpc", "tensorflow", "jax")
# Libraries that begin new threads by themselves in a fork.
SAFE = ("numpy", "scipy", "pyarrow", "duckdb", "torch", "numexpr", "sklearn", "cv2")


class Refused(Exception):
    """There is no fork: for programs and for people."""

    def __init__(self, reason, message):
        super().__init__(message)
        self.reason = reason


def fork(made, order, descriptors):
    """Fork as often as asked; return the report, in the parent only."""
    try:
        if len(descriptors) != 2 * order["count"]:
            raise Refused("error", "no file descriptor is left")
        report, sockets = survey({made.channel.sock.fileno(), *descriptors})
        if order.get("same_random") and made.rest is not None:
            # What its forks go on with is what it has itself.
            made.rest.renew()
        begin(made, order, descriptors, sockets)
    except Refused as refused:
        report = {"refused": {"reason": refused.reason, "message": str(refused)}}
    except MemoryError:
        report = {"refused": {"reason": "memory", "message": "there is not enough memory"}}
    except OSError as error:
        reason = {errno.EAGAIN: "processes", errno.ENOMEM: "memory"}.get(error.errno, "error")
        report = {"refused": {"reason": reason, "message": os.strerror(error.errno or 0)}}
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    return report


def survey(ours):
    """Return what a fork would not have, and the sockets among that; raise `Refused` where there can be none."""
    others = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    if others:
        named = ", ".join(others[:5])
        raise Refused("threads", f"Python threads run: {named}; wait for them, or shut their pool down")
    native = len(os.listdir("/proc/self/task")) - 1
    unsafe = [name for name in UNSAFE if name in sys.modules]
    if native and unsafe:
        raise Refused("library", f"{unsafe[0]} has threads that do not survive a fork: use it in the forks alone")
    known = any(name in sys.modules for name in SAFE)
    report = {"native_threads": 0 if known else native, "processes": len(_children()), "files": []}
    sockets = []
    for number, kind, path, flags in _descriptors():
        if number in ours or number < 3:
            continue
        if stat.S_ISSOCK(kind):
            sockets.append(number)
        elif stat.S_ISREG(kind) and len(report["files"]) < FILES_MAX and len(path) < PATH_CHARS_MAX:
            report["files"].append({"path": path, "writable": flags & os.O_ACCMODE != os.O_RDONLY})
    report["sockets"] = len(sockets)
    return report, sockets


def _children():
    with open("/proc/self/task/%d/children" % threading.get_native_id()) as file:
        return file.read().split()


def _descriptors():
    import fcntl

    for name in os.listdir("/proc/self/fd"):
        number = int(name)
        try:
            yield number, os.fstat(number).st_mode, os.readlink(f"/proc/self/fd/{name}"), fcntl.fcntl(number, fcntl.F_GETFL)
        except OSError:
            continue


def begin(made, order, descriptors, sockets):
    """Fork as often as asked; nobody's children, so that user code does not find them and they live on without this process."""
    state = random.getstate() if order.get("same_random") else None
    places = order["places"]
    for own, tree in zip(descriptors[::2], descriptors[1::2]):
        # Made here, where the memory for it is there already.
        channel = frames.Channel(socket.socket(fileno=context.hide(os.dup(own))))
        try:
            if births.orphan() == 0:
                become(made, channel, (places, tree), (descriptors, sockets), state)
        finally:
            channel.close()


def become(made, channel, there, parents, state):
    """In a fork: move to its tree, be unlike the parent, serve; never returns."""
    step = "copy the files"
    try:
        places, tree = there
        for place in places:
            own = f"/proc/self/fd/{tree}{place}"
            clear(own, place)
            copy(place, own)
        step = "move to the tree of the branch"
        move(tree)
        step = "renew the fork"
        _part(*parents)
        nothing = os.open("/dev/null", os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if state is not None:
            # The module renews its own generator in every fork.
            random.setstate(state)
        made.rebind(channel)
        made.rest = Rest(made, state is None)
        step = None
    except OSError as error:
        _fail(channel, f"{step}: {error}"[:300], error.errno or 0)
    except BaseException as error:
        _fail(channel, f"{step}: {type(error).__name__}: {error}"[:300], 0)
    context.serve(made)


def _fail(channel, step, number):
    try:
        channel.send({"t": "failed", "step": step, "errno": number})
    finally:
        os._exit(1)


class Rest:
    """A fork that has run nothing yet: what the kernel kills first where memory runs out, with random states to be renewed.

    Once code runs here it is still likelier to be killed than what it came from: the deepest forks go first.
    """

    PATH = "/proc/self/oom_score_adj"

    def __init__(self, made, renews):
        global awake
        self._made = made
        self._renews = renews
        self._awake = None
        with contextlib.suppress(OSError), _opened(self.PATH, os.O_RDWR) as file:
            awake = min((int(os.read(file, 20)) if awake is None else awake) + OOM_STEP, OOM_MAX - 1)
            os.pwrite(file, b"%d" % OOM_MAX, 0)
            self._awake = awake

    def renew(self):
        """Give it random states of its own, where it is to have them."""
        if self._renews:
            self._renews = False
            renew.random_states(self._made.shell.user_ns)

    def end(self):
        """Code runs from now on."""
        self.renew()
        if self._awake is not None:
            with contextlib.suppress(OSError), _opened(self.PATH, os.O_WRONLY) as file:
                os.write(file, b"%d" % self._awake)


@contextlib.contextmanager
def _opened(path, flags):
    # Not `open`, which reaches for many more objects.
    file = os.open(path, flags | os.O_CLOEXEC)
    try:
        yield file
    finally:
        os.close(file)


def clear(target, source):
    """Remove the files of a directory; a directory below it that the source has too stays the same one."""
    for entry in os.scandir(target):
        if entry.is_dir(follow_symlinks=False):
            wanted = os.path.join(source, entry.name)
            kept = os.path.isdir(wanted) and not os.path.islink(wanted)
            os.chmod(entry.path, 0o700)
            clear(entry.path, wanted)
            if not kept:
                # Not empty where somebody else's socket or pipe is in it.
                with contextlib.suppress(OSError):
                    os.rmdir(entry.path)
        elif entry.is_symlink() or entry.is_file():
            os.unlink(entry.path)


def copy(source, target):
    """Copy a directory's content, links as links; what cannot be copied is an error."""
    for entry in os.scandir(source):
        there = os.path.join(target, entry.name)
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), there)
        elif entry.is_dir():
            if not os.path.isdir(there):
                os.mkdir(there)
            copy(entry.path, there)
            shutil.copystat(entry.path, there)
        elif entry.is_file():
            shutil.copy2(entry.path, there)
        # Sockets, pipes and devices are bound to processes that a fork does not have.


def move(tree):
    """Make this tree the root, and end where the parent was in its own."""
    here = os.getcwd()
    library = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    for effective in (enter.CHROOT, 0):
        sets = (ctypes.c_uint32 * 6)(effective, enter.CHROOT, 0, 0, 0, 0)
        if library.capset(header, sets):
            raise OSError(ctypes.get_errno(), "capset")
        if effective:
            os.fchdir(tree)
            os.chroot(".")
    try:
        os.chdir(here)
    except OSError:
        os.chdir("/workspace")


def _part(own, sockets):
    """Close what only the parent needs; put an unconnected socket in the place of each that it has: its number must not become another
    file's."""
    for number in own:
        os.close(number)
    for number in sockets:
        with socket.socket(socket.AF_UNIX) as unconnected:
            os.dup2(unconnected.fileno(), number, inheritable=False)
