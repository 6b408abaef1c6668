"""The frame codec: JSON header plus raw payload on a stream socket, with descriptors.

A frame is `u32 LE header length | u32 LE payload length | header | payload`. The guest sends
descriptors (SCM_RIGHTS) together with an `execute` frame; they are queued here in order and
taken by whoever handles that frame. What the frames mean is left to `context.py`.
"""

import array
import codecs
import json
import os
import socket
import struct

PREFIX = struct.Struct("<II")
HEADER_BYTES_MAX = 64 * 1024
PAYLOAD_BYTES_MAX = 32 * 1024 * 1024
# Room for more descriptors than a peer may send: the surplus must arrive to be closed.
ANCILLARY_BYTES = socket.CMSG_SPACE(250 * 4)
CHUNK_BYTES = 64 * 1024
JOIN_BYTES_MAX = 32 * 1024


class FrameError(Exception):
    """The peer sent something that is not a frame."""


class EndOfStream(Exception):
    """The peer closed the stream."""


def _replacement(error):
    return "\ufffd".encode() * (error.end - error.start), error.end


codecs.register_error("belljar_replace", _replacement)
# A compiled encoder, because json.dumps with options builds a new one at every call.
_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def encode_json(value):
    """Return `value` as UTF-8 JSON; a lone surrogate (no valid JSON text) becomes U+FFFD."""
    return _to_json(value).encode("utf-8", "belljar_replace")


def decode_header(raw):
    """Return the header object, or raise `FrameError`."""
    try:
        header = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise FrameError(f"the header is not JSON: {error}") from None
    if not isinstance(header, dict) or not isinstance(header.get("t"), str):
        raise FrameError("the header is not an object with a type")
    return header


def received_descriptors(ancillary):
    """Return the descriptors in one `recvmsg` ancillary list, not inheritable."""
    found = []
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            numbers = array.array("i")
            numbers.frombytes(content[: len(content) - len(content) % numbers.itemsize])
            found.extend(numbers)
    return found


class Channel:
    """Frames over one connected stream socket, blocking, one reader at a time."""

    def __init__(self, sock):
        self.sock = sock
        self._buffer = bytearray()
        self._descriptors = []
        self._lost = False

    def receive(self):
        """Return the next `(header, payload)`; raise `EndOfStream` or `FrameError`."""
        while True:
            frame = self._take_frame()
            if frame is not None:
                return frame
            self._fill()

    def take_descriptors(self, count):
        """Return the `count` oldest queued descriptors, fewer if fewer came; close the rest."""
        taken, surplus = self._descriptors[:count], self._descriptors[count:]
        self._descriptors = []
        for descriptor in surplus:
            os.close(descriptor)
        return taken

    def lost_descriptors(self):
        """Whether descriptors could not arrive since this was asked last: too many were open."""
        lost, self._lost = self._lost, False
        return lost

    def send(self, header, payload=b""):
        """Send one frame whole."""
        encoded = encode_json(header)
        if len(encoded) > HEADER_BYTES_MAX or len(payload) > PAYLOAD_BYTES_MAX:
            raise FrameError("the frame is too large")
        head = PREFIX.pack(len(encoded), len(payload)) + encoded
        if len(payload) <= JOIN_BYTES_MAX:
            self.sock.sendall(head + payload)
        else:
            self.sock.sendall(head)
            self.sock.sendall(payload)

    def close(self):
        """Close the socket and every descriptor that nobody took."""
        self.take_descriptors(0)
        self.sock.close()

    def _missing_bytes(self):
        """Return how many bytes the frame at the buffer's start still lacks."""
        have = len(self._buffer)
        if have < PREFIX.size:
            return PREFIX.size - have
        header_bytes, payload_bytes = PREFIX.unpack_from(self._buffer)
        if header_bytes > HEADER_BYTES_MAX or payload_bytes > PAYLOAD_BYTES_MAX:
            raise FrameError("the frame is too large")
        return max(0, PREFIX.size + header_bytes + payload_bytes - have)

    def _take_frame(self):
        if self._missing_bytes():
            return None
        header_bytes, payload_bytes = PREFIX.unpack_from(self._buffer)
        body = PREFIX.size + header_bytes
        header = decode_header(bytes(self._buffer[PREFIX.size : body]))
        payload = bytes(self._buffer[body : body + payload_bytes])
        del self._buffer[: body + payload_bytes]
        return header, payload

    def _fill(self):
        want = max(CHUNK_BYTES, min(self._missing_bytes(), 1 << 20))
        chunk, ancillary, flags, _ = self.sock.recvmsg(
            want, ANCILLARY_BYTES, socket.MSG_CMSG_CLOEXEC
        )
        self._lost = self._lost or bool(flags & socket.MSG_CTRUNC)
        self._descriptors += received_descriptors(ancillary)
        if not chunk:
            raise EndOfStream
        self._buffer += chunk
