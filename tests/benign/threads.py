# promise: threads, thread pools, locks and thread-local values work
# outcome: ok
import concurrent.futures, queue, threading

counter, lock, local = [0], threading.Lock(), threading.local()
def work(number):
    local.value = number
    with lock:
        counter[0] += 1
    return local.value ** 2

with concurrent.futures.ThreadPoolExecutor(8) as pool:
    assert list(pool.map(work, range(100))) == [n * n for n in range(100)]
assert counter == [100]
letters = queue.Queue()
threading.Timer(0.05, letters.put, ["late"]).start()
assert letters.get(timeout=5) == "late"
print("WORKS")
