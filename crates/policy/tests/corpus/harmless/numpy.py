# from: typical code of an analysis
# expect: allowed
import numpy as np
from numpy.linalg import norm

rng = np.random.default_rng(7)
x = rng.normal(size=(1000, 3))
mask = (x[:, 0] > 0) & ~np.isnan(x).any(axis=1)
print(x[mask].mean(axis=0), norm(x), np.percentile(x, [5, 50, 95]))
cov = np.cov(x.T)
values, vectors = np.linalg.eigh(cov)
np.save("cov.npy", cov)
