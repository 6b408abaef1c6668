# from: typical code of an analysis
# expect: allowed
%matplotlib inline
%config InlineBackend.figure_format = "retina"
import pandas as pd
df = pd.DataFrame({"a": [1, 2]})
%time total = df.a.sum()
df.describe?
total
