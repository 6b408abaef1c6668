# promise: large arrays, linear algebra on several threads, random numbers and files of numpy work
# outcome: ok
# needs: numpy
# limits: memory=1G timeout=60
import numpy as np

rng = np.random.default_rng(7)
a = rng.standard_normal((1500, 1500))
assert np.allclose(a @ np.linalg.inv(a), np.eye(1500), atol=1e-6)
values, _ = np.linalg.eigh(a[:300, :300] + a[:300, :300].T)
assert values.shape == (300,) and np.linalg.svd(a[:200]).S.min() > 0
assert np.sort(rng.integers(0, 1 << 40, 2_000_000))[0] >= 0 and abs(np.fft.ifft(np.fft.fft(a[0])).real - a[0]).max() < 1e-9
np.save("a.npy", a)
view = np.load("a.npy", mmap_mode="r")
assert view[3, 4] == a[3, 4]
print("WORKS")
