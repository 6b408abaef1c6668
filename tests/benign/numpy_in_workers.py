# promise: numpy's own threads still work in the children of a process that used them
# outcome: ok
# needs: numpy
# limits: memory=1G timeout=60
import multiprocessing
import numpy as np

def work(seed):
    a = np.random.default_rng(seed).standard_normal((400, 400))
    return float(np.trace(a @ a.T))

before = work(1)
with multiprocessing.get_context("fork").Pool(2) as pool:
    assert abs(pool.map(work, [1, 2, 3])[0] - before) < 1e-6
print("WORKS")
