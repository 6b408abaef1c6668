# promise: multiprocessing works with spawned workers and with a fork server
# outcome: ok
# limits: timeout=60
import math, multiprocessing

for way in ["spawn", "forkserver"]:
    with multiprocessing.get_context(way).Pool(2) as pool:
        assert pool.map(math.factorial, range(10)) == [math.factorial(n) for n in range(10)], way
print("WORKS")
