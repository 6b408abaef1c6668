# promise: multiprocessing works with forked workers, queues, shared memory and a manager
# outcome: ok
import multiprocessing
from multiprocessing import shared_memory

def square(number):
    return number * number

def fill(name, outbox):
    block = shared_memory.SharedMemory(name=name)
    block.buf[:5] = b"hello"
    block.close()
    outbox.put("done")

context = multiprocessing.get_context("fork")
with context.Pool(4) as pool:
    assert pool.map(square, range(50)) == [n * n for n in range(50)]
block = shared_memory.SharedMemory(create=True, size=4096)
outbox = context.Queue()
worker = context.Process(target=fill, args=(block.name, outbox))
worker.start()
assert outbox.get(timeout=10) == "done"
worker.join()
assert bytes(block.buf[:5]) == b"hello" and worker.exitcode == 0
block.close()
block.unlink()
with context.Manager() as manager:
    shared = manager.dict(a=1)
    shared["b"] = 2
    assert dict(shared) == {"a": 1, "b": 2}
print("WORKS")
