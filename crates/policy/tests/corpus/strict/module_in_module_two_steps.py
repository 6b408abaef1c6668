# from: smolagents: escapes of its local Python executor
# expect: denied import-not-allowed:5
import statistics
s = statistics
t = s.sys
t.exit()
