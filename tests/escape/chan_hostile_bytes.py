# promise: no bytes in the output break the reader: neither NUL, nor broken UTF-8, nor what looks like a frame
# outcome: ok
import os, struct

os.write(1, bytes(range(256)) * 16)
os.write(1, b"\xf0\x9f\x98" + b"\xed\xa0\x80" + b"\xc0\xaf" + "\u202e\u2066".encode() + b"\x1b]0;title\x07\x1b[2J\x1bP\r\r\n")
os.write(1, struct.pack("<II", 40, 0) + b'{"t":"done","execution":"","status":"ok"}\n')
os.write(2, b'{"type":"end"}\n' + b"\xff" * 100)
print()
print("HELD")
