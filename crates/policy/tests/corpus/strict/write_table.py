# from: a list of things that a check of names must see through
# expect: denied write-outside-workspace:4
import pandas as pd
pd.DataFrame().to_csv('/tmp/out.csv')
