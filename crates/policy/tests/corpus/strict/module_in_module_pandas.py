# from: smolagents: escapes of its local Python executor
# expect: denied import-not-allowed:4
import pandas as pd
pd.io.common.os.system('id')
