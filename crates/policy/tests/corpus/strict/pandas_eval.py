# from: smolagents: escapes of its local Python executor
# expect: denied call-denied:4
import pandas as pd
pd.eval('@pd.io.common.os.system("id")')
