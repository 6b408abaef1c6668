# from: smolagents: escapes of its local Python executor
# expect: denied dunder-chain:5
import pandas as pd
df = pd.DataFrame({'a': [1]})
df.query('@df.__class__')
