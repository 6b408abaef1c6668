# promise: scikit-learn trains on several processes and threads
# outcome: ok
# needs: sklearn
# limits: memory=2G pids=256 timeout=120
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.model_selection import cross_val_score

x, y = make_classification(2000, random_state=1)
assert RandomForestClassifier(50, n_jobs=2, random_state=1).fit(x, y).score(x, y) > 0.95
assert cross_val_score(RandomForestClassifier(20, random_state=1), x, y, n_jobs=2).mean() > 0.7
assert HistGradientBoostingClassifier(max_iter=20).fit(x, y).score(x, y) > 0.9
print("WORKS")
