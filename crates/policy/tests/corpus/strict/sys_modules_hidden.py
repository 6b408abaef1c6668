# from: smolagents: escapes of its local Python executor
# expect: denied import-not-allowed:4
import random
random._os.sys.modules['subprocess']
