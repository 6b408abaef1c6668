"""Enters a room: runs the enter program (raw syscalls as data), then checks the walls.

The program comes from the jailer; nothing here decides what it does. `prepare` turns the JSON
steps into ready C values before the fork, so that the child only makes the calls.
"""

import base64
import errno
import fcntl
import os
import socket

AF_ALG = 38
CHROOT = 1 << 18
PR_GET_NO_NEW_PRIVS = 39
DRIVER_DESCRIPTOR = 3
# Capabilities that count at once or are passed on, and what they are taken for where the kernel shows none.
IN_EFFECT = ((b"Eff", b"1"), (b"Inh", b"1"), (b"Amb", b"0"))
_syscall = None


class StepFailed(Exception):
    """A step of the enter program failed."""

    def __init__(self, step, number):
        super().__init__(f"{step}: {os.strerror(number)}")
        self.step = step
        self.errno = number


class Descriptor(str):
    """The name of a descriptor, to be replaced by its number when the step runs."""


def prepare(steps):
    """Return the steps with their arguments as C values; raise ValueError when malformed."""
    return [_prepare_step(step) for step in steps]


def _prepare_step(step):
    import ctypes

    name = str(step.get("name", "?"))
    if "nr" not in step:
        return name, None, [str(kept) for kept in step["keep"]], ()
    arguments = [_prepare_argument(argument) for argument in step.get("args", ())]
    if len(arguments) > 6:
        raise ValueError(f"step {name!r} has more than 6 arguments")
    values = (ctypes.c_long(int(step["nr"])), *arguments)
    return name, any(isinstance(value, Descriptor) for value in values), values, frozenset(step.get("ok", ()))


def _prepare_argument(argument):
    import ctypes

    if isinstance(argument, int):
        return ctypes.c_long(argument if argument < 1 << 63 else argument - (1 << 64))
    if "fd" in argument:
        return Descriptor(argument["fd"])
    if "bytes" in argument:
        content = base64.b64decode(argument["bytes"])
        return ctypes.create_string_buffer(content, max(1, len(content)))
    return _socket_filter(base64.b64decode(argument["program"]))


def _socket_filter(instructions):
    """Return a pointer to a `struct sock_fprog` over these 8-byte instructions."""
    import ctypes

    class SocketFilter(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]

    buffer = ctypes.create_string_buffer(instructions, max(1, len(instructions)))
    program = SocketFilter(len(instructions) // 8, ctypes.addressof(buffer))
    program.kept_alive = buffer
    return ctypes.pointer(program)


def load():
    """Bind libc's `syscall`; done before the fork."""
    global _syscall
    if _syscall is None:
        import ctypes

        _syscall = ctypes.CDLL(None, use_errno=True).syscall
        _syscall.restype = ctypes.c_long
    return _syscall


def run(program, descriptors):
    """Run the prepared steps; `descriptors` (name → number) is updated by a keep step."""
    import ctypes

    syscall = load()
    kept = False
    for name, needs_descriptors, values, tolerated in program:
        if needs_descriptors is None:
            keep_only(values, descriptors)
            kept = True
            continue
        if needs_descriptors:
            values = [
                # A missing descriptor is -1: the kernel's EBADF then follows the step's own rule.
                ctypes.c_long(descriptors.get(str(value), -1)) if isinstance(value, Descriptor) else value
                for value in values
            ]
        if syscall(*values) == -1:
            failure = ctypes.get_errno()
            if failure not in tolerated:
                raise StepFailed(name, failure)
    if not kept:
        keep_only(["driver", "stdin"], descriptors)


def keep_only(names, descriptors):
    """Close every descriptor but 0, 1, 2 and the named ones; move the driver's socket to 3."""
    keep = {name: descriptors[name] for name in names if name in descriptors}
    driver = keep.get("driver")
    lowest = 3
    for number in sorted(set(keep.values())):
        os.closerange(lowest, number)
        lowest = number + 1
    _close_from(lowest)
    for name, number in list(keep.items()):
        if number == DRIVER_DESCRIPTOR and name != "driver":
            keep[name] = fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, 10)
            os.close(number)
    if driver is not None and driver != DRIVER_DESCRIPTOR:
        os.dup2(driver, DRIVER_DESCRIPTOR, inheritable=False)
        os.close(driver)
        keep["driver"] = DRIVER_DESCRIPTOR
    descriptors.clear()
    descriptors.update(keep)


def _close_from(lowest):
    os.closerange(lowest, 0x7FFFFFFF)


def _status():
    """Return this process's status file, and a function that finds a field in it: few objects, for few pages are one's own yet."""
    descriptor = os.open("/proc/self/status", os.O_RDONLY | os.O_CLOEXEC)
    try:
        status = b"\n" + os.read(descriptor, 16384)
    finally:
        os.close(descriptor)

    def field(name):
        begin = status.find(b"\n" + name + b":\t")
        if begin < 0:
            return None
        begin += len(name) + 3
        return status[begin : status.find(b"\n", begin)]

    return field


def _gains_no_privileges():
    """Ask the kernel itself, where its files do not say."""
    import ctypes

    return ctypes.CDLL(None).prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1


def _probe_is_denied():
    """Whether a socket that the filter must refuse is refused."""
    try:
        socket.socket(AF_ALG, socket.SOCK_SEQPACKET, 0).close()
    except OSError as error:
        return error.errno in (errno.EPERM, errno.EACCES, errno.EAFNOSUPPORT, errno.ENOSYS)
    return False


def verified_walls():
    """Return the walls that this process sees around itself, by their names."""
    try:
        field = _status()
    except OSError:
        return []
    walls = []
    # What a fork needs to move to its branch's tree may be permitted; nothing is in effect. A kernel without ambient
    # capabilities shows none.
    none_left = all(int(field(b"Cap" + kind) or default, 16) == 0 for kind, default in IN_EFFECT)
    none_left = none_left and all(int(field(b"Cap" + kind) or b"1", 16) in (0, CHROOT) for kind in (b"Prm", b"Bnd"))
    if none_left and os.getuid() != 0:
        walls.append("caps_dropped")
    no_new_privileges = field(b"NoNewPrivs")
    if no_new_privileges == b"1" or no_new_privileges is None and _gains_no_privileges():
        walls.append("no_new_privs")
    if field(b"Seccomp") == b"2" and _probe_is_denied():
        walls.append("seccomp")
    return walls
