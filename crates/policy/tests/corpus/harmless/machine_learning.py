# from: typical code of an analysis
# expect: allowed
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
import seaborn as sns

X, y = load_iris(return_X_y=True, as_frame=True)
model = make_pipeline(StandardScaler(), RandomForestClassifier(n_estimators=50, random_state=0))
scores = cross_val_score(model, X, y, cv=5)
print(f"{scores.mean():.3f} ± {scores.std():.3f}")
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3)
model.fit(X_train, y_train)
sns.heatmap(X.corr(), annot=True)
