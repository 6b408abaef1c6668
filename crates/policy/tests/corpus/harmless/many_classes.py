# from: typical code of an analysis
# expect: allowed
import numpy as np
functions = [np.mean, np.median, np.std, np.var, np.min, np.max, np.sum, np.prod, np.ptp, np.cumsum, np.diff]
for function in functions:
    print(function.__name__, function([1, 2, 3]))
checks = {"mean": np.mean, "sd": np.std}
print({name: check([1, 2]) for name, check in checks.items()})
