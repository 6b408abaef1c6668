"""A small driver that keeps to the contract: runs Python cells with `exec`, streams per execution."""

import array
import json
import os
import socket
import struct
import sys
import traceback

sock = socket.socket(fileno=3)
buffer, descriptors = b"", []


def receive():
    global buffer
    while True:
        if len(buffer) >= 8:
            header, payload = struct.unpack_from("<II", buffer)
            if len(buffer) >= 8 + header + payload:
                frame = buffer[8 : 8 + header + payload]
                buffer = buffer[8 + header + payload :]
                return json.loads(frame[:header]), frame[header:]
        chunk, ancillary, _, _ = sock.recvmsg(65536, socket.CMSG_SPACE(64))
        for _, _, content in ancillary:
            descriptors.extend(array.array("i", content))
        if not chunk:
            sys.exit(0)
        buffer += chunk


def send(header, payload=b""):
    encoded = json.dumps(header).encode()
    sock.sendall(struct.pack("<II", len(encoded), len(payload)) + encoded + payload)


def bundle(text, **more):
    sys.stdout.flush(), sys.stderr.flush()
    header = {"t": "bundle", "execution": execution, "main": True, "display_id": None, "update": False}
    send({**header, **more}, json.dumps({"text/plain": text}).encode())
    assert receive()[0]["t"] == "ack"


send({"t": "hello", "pid": os.getpid(), "walls": []})
space = {"bundle": bundle, "send": send, "receive": receive, "__name__": "__main__"}
while True:
    try:
        header, code = receive()
    except KeyboardInterrupt:
        continue
    execution = header["execution"]
    for number, descriptor in zip((1, 2), descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    descriptors.clear()
    status, exit_code = "ok", 0
    try:
        send({"t": "begun", "execution": execution})
        exec(compile(code, "<cell>", "exec"), space)
    except SystemExit as error:
        status, exit_code = "exit", error.code or 0
    except BaseException as error:
        status, exit_code = "error", 1
        sys.stdout.flush(), sys.stderr.flush()
        raised = {"name": type(error).__name__, "message": str(error), "traceback": traceback.format_exc().split("\n")}
        send({"t": "error", "execution": execution}, json.dumps(raised).encode())
        receive()
    sys.stdout.flush(), sys.stderr.flush()
    send({"t": "done", "execution": execution, "status": status, "exit_code": exit_code})
