# from: typical code of an analysis
# expect: allowed
from scipy import signal, stats
import scipy.io
import numpy as np
b, a = signal.butter(4, 0.2)
print(stats.ttest_ind([1, 2, 3], [2, 3, 4]).pvalue, signal.lfilter(b, a, np.ones(5)))
array = np.array([1, 2])
copy = array.copy()
print(np.select([array > 1], [copy]), np.random.rand(2).round(3))
