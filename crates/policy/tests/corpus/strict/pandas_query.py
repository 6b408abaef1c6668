# from: smolagents: escapes of its local Python executor
# expect: denied import-not-allowed:5
import pandas as pd
df = pd.DataFrame({'a': [1]})
df.query('@pd.io.common.os.system("id") == 0')
