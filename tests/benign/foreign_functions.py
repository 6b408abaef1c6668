# promise: ctypes finds and calls the system's C libraries
# outcome: ok
import ctypes, ctypes.util, math

name = ctypes.util.find_library("m") or "libm.so.6"
libm = ctypes.CDLL(name)
libm.cos.restype, libm.cos.argtypes = ctypes.c_double, [ctypes.c_double]
assert abs(libm.cos(1.0) - math.cos(1.0)) < 1e-15
libc = ctypes.CDLL("libc.so.6", use_errno=True)
assert libc.getpid() > 1 and libc.access(b"/nowhere", 0) == -1 and ctypes.get_errno() == 2
print("WORKS")
