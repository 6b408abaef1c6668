# from: smolagents: escapes of its local Python executor
# expect: denied call-denied:4
import pandas as pd
pd.read_pickle('data.pkl')
