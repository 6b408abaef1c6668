# from: smolagents: escapes of its local Python executor (CVE-2025-5120)
# expect: denied import-not-allowed:4
import random
random._os.system('id')
