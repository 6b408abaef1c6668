# promise: scipy and statsmodels compute: optimisation, statistics, sparse matrices, regression
# outcome: ok
# needs: scipy statsmodels
# limits: memory=1G timeout=60
import numpy as np
import scipy.optimize, scipy.sparse.linalg, scipy.stats
import statsmodels.api as sm

assert abs(scipy.optimize.minimize(lambda v: (v[0] - 3) ** 2, [0.0]).x[0] - 3) < 1e-4
rng = np.random.default_rng(1)
a, b = rng.normal(0, 1, 500), rng.normal(0.5, 1, 500)
assert scipy.stats.ttest_ind(a, b).pvalue < 0.01
matrix = scipy.sparse.diags([1.0, 4.0, 1.0], [-1, 0, 1], shape=(2000, 2000), format="csc")
assert np.allclose(matrix @ scipy.sparse.linalg.spsolve(matrix, np.ones(2000)), 1)
fit = sm.OLS(2 * a + 1 + rng.normal(0, 0.1, 500), sm.add_constant(a)).fit()
assert abs(fit.params[1] - 2) < 0.05
print("WORKS")
