# from: typical code of an analysis
# expect: allowed
import numpy, pandas, scipy
for library in (numpy, pandas, scipy):
    print(library.__name__, library.__version__)
