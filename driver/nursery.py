"""The zygote's event loop: the jailer's socket, the rooms' sockets, the children's ends.

Every message is one SEQPACKET packet of JSON with descriptors beside it. Nothing here waits
for a room: packets to it are sent without blocking, and a room that cannot take one is closed.
"""

import json
import os
import select
import signal
import socket
import traceback

from . import context, enter, frames, renew, warmup

PACKET_BYTES_MAX = 512 * 1024
CLONE_NEWPID = 0x20000000
PR_SET_DUMPABLE = 4
READABLE = select.POLLIN | select.POLLHUP | select.POLLERR


class BadPacket(Exception):
    """A peer sent a packet that is not of the protocol."""


class Closed(Exception):
    """A peer closed its socket."""


def receive_packet(sock):
    """Return `(message, descriptors)`; the descriptors are the caller's to close."""
    raw, ancillary, flags, _ = sock.recvmsg(
        PACKET_BYTES_MAX, socket.CMSG_SPACE(64 * 4), socket.MSG_CMSG_CLOEXEC | socket.MSG_DONTWAIT
    )
    descriptors = frames.received_descriptors(ancillary)
    try:
        if not raw:
            raise Closed
        if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
            raise BadPacket("truncated")
        message = json.loads(raw)
        if not isinstance(message, dict) or not isinstance(message.get("t"), str):
            raise BadPacket("not an object with a type")
        return message, descriptors
    except (ValueError, RecursionError) as error:
        close_all(descriptors)
        raise BadPacket(str(error)) from None
    except (BadPacket, Closed):
        close_all(descriptors)
        raise


def send_packet(sock, message):
    """Send one packet without blocking; raises OSError when the peer does not take it."""
    sock.send(json.dumps(message).encode(), socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)


def close_all(descriptors):
    """Close descriptors that nobody needs any more."""
    for descriptor in descriptors:
        os.close(descriptor)


def name_descriptors(message, descriptors):
    """Return name → descriptor as the message's `fds` names them; both must agree."""
    names = message.get("fds", [])
    if not isinstance(names, list) or len(set(map(str, names))) != len(descriptors):
        close_all(descriptors)
        raise BadPacket("descriptors and their names do not agree")
    return dict(zip(map(str, names), descriptors))


class Room:
    """A sandbox as the zygote sees it: how to enter it and whom to answer."""

    def __init__(self, message, named):
        try:
            self.name = str(message["room"])
            self.program = enter.prepare(message["enter"])
            self.sock = socket.socket(fileno=named.pop("socket"))
        except (KeyError, TypeError, ValueError, AttributeError, OSError) as error:
            close_all(named.values())
            raise BadPacket(f"bad room: {error}") from None
        self.descriptors = named

    def close(self):
        """Close the socket and every descriptor of the room."""
        self.sock.close()
        close_all(self.descriptors.values())
        self.descriptors = {}


class Nursery:
    """All rooms and children of one zygote."""

    def __init__(self, jailer, made):
        self.jailer = jailer
        self.context = made
        self.rooms = {}
        self.children = {}
        self.own_pid_namespace = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        self.poll = select.poll()
        self.poll.register(jailer.fileno(), READABLE)
        self.wake_read, self.wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.poll.register(self.wake_read, READABLE)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self.wake_write, warn_on_full_buffer=False)

    def loop(self):
        """Serve until the jailer's socket closes."""
        while True:
            for descriptor, _ in self.poll.poll():
                if descriptor == self.jailer.fileno():
                    self.from_jailer()
                elif descriptor == self.wake_read:
                    self.reap()
                elif descriptor in self.rooms:
                    self.from_room(self.rooms[descriptor])

    def from_jailer(self):
        """Handle one packet of the jailer; nonsense from it ends the zygote."""
        try:
            message, descriptors = receive_packet(self.jailer)
        except BlockingIOError:
            return
        named = name_descriptors(message, descriptors)
        if message["t"] == "room":
            room = Room(message, named)
            self.close_named(room.name)
            self.rooms[room.sock.fileno()] = room
            self.poll.register(room.sock.fileno(), READABLE)
            return
        close_all(named.values())
        if message["t"] != "close":
            raise BadPacket(f"unknown type {message['t']}")
        self.close_named(message.get("room"))

    def close_named(self, name):
        """Forget the room of this name, if there is one."""
        for room in [room for room in self.rooms.values() if room.name == name]:
            self.close_room(room)

    def close_room(self, room):
        """Forget a room; its children are reaped all the same."""
        descriptor = room.sock.fileno()
        if self.rooms.pop(descriptor, None) is not None:
            self.poll.unregister(descriptor)
            room.close()

    def from_room(self, room):
        """Handle one packet of a room, which is not trusted."""
        try:
            message, descriptors = receive_packet(room.sock)
            named = name_descriptors(message, descriptors)
            request = ForkRequest(message, named)
        except BlockingIOError:
            return
        except (BadPacket, Closed, OSError):
            self.close_room(room)
            return
        self.fork(room, request)
        close_all(named.values())

    def tell(self, room, message):
        """Send to a room, or close it when it does not read."""
        try:
            send_packet(room.sock, message)
        except OSError:
            self.close_room(room)

    def fork(self, room, request):
        """Fork a child into the room and tell the room how that went."""
        try:
            pid = self.fork_beside(room.descriptors.get("room"))
        except OSError as error:
            failed = {"t": "fork_failed", "context": request.context, "errno": error.errno or 0}
            self.tell(room, {**failed, "message": str(error)})
            return
        if pid == 0:
            self.become(room, request)
        # The fork is what somebody waits for.
        os.sched_yield()
        self.children[pid] = (room, request.context)
        self.tell(room, {"t": "forked", "context": request.context})

    def fork_beside(self, pidfd):
        """Fork into the pid namespace of that process, if one is given; return what fork returns."""
        if pidfd is None:
            return os.fork()
        set_namespace(pidfd, CLONE_NEWPID)
        pid = -1
        try:
            pid = os.fork()
        finally:
            # The child stays where it was born; only the zygote goes back.
            if pid != 0:
                self.go_back()
        return pid

    def go_back(self):
        """Have later children born beside the zygote again; a zygote that cannot is of no use."""
        try:
            set_namespace(self.own_pid_namespace, CLONE_NEWPID)
        except OSError:
            traceback.print_exc()
            os._exit(1)

    def become(self, room, request):
        """In the child: enter the room and be its driver; never returns."""
        descriptors = {**room.descriptors, **request.named}
        try:
            self.let_go()
            become_driver(self.context, room.program, descriptors, request)
        except enter.StepFailed as error:
            tell_failed(descriptors, error.step, error.errno)
        except OSError as error:
            tell_failed(descriptors, "become a driver", error.errno or 0)
        except BaseException as error:
            summary = traceback.extract_tb(error.__traceback__)[-1]
            tell_failed(descriptors, f"{type(error).__name__}: {error} in {summary.name}"[:300], 0)
        os._exit(1)

    def let_go(self):
        """Leave the zygote's descriptors to be closed by number, not by their objects' ends."""
        signal.set_wakeup_fd(-1)
        self.jailer.detach()
        for room in self.rooms.values():
            room.sock.detach()

    def reap(self):
        """Report every child that has ended."""
        try:
            while os.read(self.wake_read, 4096):
                pass
        except BlockingIOError:
            pass
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            room, name = self.children.pop(pid, (None, None))
            if room is not None and room.sock.fileno() in self.rooms:
                self.tell(room, {"t": "exited", "context": name, "status": status})


class ForkRequest:
    """A checked `fork` message."""

    def __init__(self, message, named):
        environment = message.get("env", {})
        wellformed = (
            message["t"] == "fork"
            and isinstance(message.get("context"), str)
            and isinstance(message.get("cwd", "/"), str)
            and isinstance(environment, dict)
            and all(isinstance(part, str) for pair in environment.items() for part in pair)
            and "driver" in named
            and set(named) <= {"driver", "landlock", "stdin"}
        )
        if not wellformed:
            close_all(named.values())
            raise BadPacket("bad fork request")
        self.context = message["context"]
        self.cwd = message.get("cwd", "/")
        self.environment = environment
        self.named = named
        self.ahead = message.get("ahead") is True


def become_driver(made, program, descriptors, request):
    """Enter, renew, serve; never returns."""
    enter.run(program, descriptors)
    if "stdin" in descriptors:
        stdin = descriptors.pop("stdin")
        os.dup2(stdin, 0)
        os.close(stdin)
    renew.after_fork(request.environment, request.cwd)
    context.start_session()
    if request.ahead:
        warmup.rehearse_again(made)
    moved = context.hide(descriptors["driver"])
    descriptors["driver"] = moved
    made.rebind(frames.Channel(socket.socket(fileno=moved)))
    context.serve(made)


def tell_failed(descriptors, step, number):
    """Tell the guest why there is no driver."""
    try:
        sock = socket.socket(fileno=os.dup(descriptors["driver"]))
        frames.Channel(sock).send({"t": "failed", "step": step, "errno": number})
    except (OSError, KeyError):
        return


def set_namespace(descriptor, kind):
    """Call setns(2); raises OSError."""
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    if library.setns(descriptor, kind) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"setns: {os.strerror(number)}")


def close_own_files():
    """Close this process's memory to others of its user; a fork opens its own again when it enters."""
    import ctypes

    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def run(descriptor, preload):
    """Warm up, report ready on the jailer's socket, serve; never returns."""
    jailer = socket.socket(fileno=descriptor)
    jailer.set_inheritable(False)
    enter.load()
    close_own_files()
    try:
        made = warmup.warm(preload)
        strays = warmup.stray_threads()
        if strays:
            raise RuntimeError(f"preloaded modules left threads running: {', '.join(strays)}")
        nursery = Nursery(jailer, made)
    except BaseException as error:
        send_packet(jailer, {"t": "failed", "message": f"{type(error).__name__}: {error}"[:2000]})
        os._exit(1)
    send_packet(jailer, {"t": "ready"})
    try:
        nursery.loop()
    except Closed:
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
