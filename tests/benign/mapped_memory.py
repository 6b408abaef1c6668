# promise: memory maps work: of files, anonymous, shared with a child, executable for callbacks of C
# outcome: ok
import ctypes, mmap, os

with open("map.bin", "wb+") as file:
    file.write(bytes(8192))
    file.flush()
    with mmap.mmap(file.fileno(), 8192) as view:
        view[4096:4101] = b"hello"
        view.flush()
    file.seek(4096)
    assert file.read(5) == b"hello"
shared = mmap.mmap(-1, 4096)
child = os.fork()
if child == 0:
    shared[:3] = b"yes"
    os._exit(0)
os.waitpid(child, 0)
assert shared[:3] == b"yes"
handle = os.memfd_create("anonymous")
os.write(handle, b"x" * 100)
assert os.fstat(handle).st_size == 100
libc = ctypes.CDLL(None)
order = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
numbers = (ctypes.c_int * 5)(5, 3, 1, 4, 2)
libc.qsort(numbers, 5, 4, order(lambda a, b: a[0] - b[0]))
assert list(numbers) == [1, 2, 3, 4, 5]
print("WORKS")
