# promise: a seccomp filter that allows everything, laid over ours, allows nothing more
# outcome: ok
import ctypes, os, socket, struct

libc = ctypes.CDLL(None, use_errno=True)
allow = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0x7FFF0000))  # return ALLOW
program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", 1, ctypes.addressof(allow)))
child = os.fork()
if child == 0:
    libc.prctl(22, 2, program, 0, 0)
    try:
        socket.socket(38, socket.SOCK_SEQPACKET)
        os._exit(7)
    except OSError:
        os._exit(0 if libc.unshare(0x10000000) == -1 else 7)
if os.waitpid(child, 0)[1] >> 8 == 7:
    raise SystemExit("BROKEN: the newer filter won")
print("HELD")
