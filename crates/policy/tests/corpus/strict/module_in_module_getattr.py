# from: smolagents: escapes of its local Python executor
# expect: denied import-not-allowed:4
import random
getattr(random, '_' + 'os').system('id')
