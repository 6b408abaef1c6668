# from: smolagents: escapes of its local Python executor
# expect: denied import-not-allowed:4
import enum
enum.bltns.eval('1')
