# from: smolagents: escapes of its local Python executor
# expect: denied import-not-allowed:3 shell-denied:4
from pandas.io.common import os
os.system('id')
