"""A zygote that forks and then runs the small honest driver.

Its socket is the descriptor in the first argument, or comes in the first packet on descriptor 3 where that is `own`.
"""

import array
import json
import os
import select
import signal
import socket
import sys

if sys.argv[1] == "own":
    control = socket.socket(fileno=3)
    packet, ancillary, _, _ = control.recvmsg(1 << 19, socket.CMSG_SPACE(64))
    assert json.loads(packet)["fds"] == ["socket"] and json.loads(packet)["enter"]
    sock = socket.socket(fileno=array.array("i", ancillary[0][2])[0])
else:
    sock = socket.socket(fileno=int(sys.argv[1]))
children = {}
wake_read, wake_write = socket.socketpair()
wake_write.setblocking(False)
signal.signal(signal.SIGCHLD, lambda *_: None)
signal.set_wakeup_fd(wake_write.fileno())


def fork(request, fds):
    if request["cwd"] == "/full":
        return {"t": "fork_failed", "context": request["context"], "errno": 11, "message": "fork: no room"}
    pid = os.fork()
    if pid == 0:
        if request["cwd"] == "/crash":
            os._exit(9)
        os.setsid()
        if "stdin" in fds:
            os.dup2(fds["stdin"], 0)
        os.dup2(fds["driver"], 3)
        os.set_inheritable(3, True)
        os.chdir(request["cwd"])
        os.execvp("python3", ["python3", os.path.join(os.path.dirname(__file__), "honest.py")])
    children[pid] = request["context"]
    return {"t": "forked", "context": request["context"]}


def reap():
    while children:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        sock.send(json.dumps({"t": "exited", "context": children.pop(pid), "status": status}).encode())


while True:
    ready, _, _ = select.select([sock, wake_read], [], [])
    if wake_read in ready:
        wake_read.recv(4096)
        reap()
    if sock in ready:
        packet, ancillary, _, _ = sock.recvmsg(1 << 19, socket.CMSG_SPACE(64))
        if not packet:
            sys.exit(0)
        request = json.loads(packet)
        numbers = [number for _, _, content in ancillary for number in array.array("i", content)]
        sock.send(json.dumps(fork(request, dict(zip(request["fds"], numbers)))).encode())
        for number in numbers:
            os.close(number)
