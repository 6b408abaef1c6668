# promise: an interpreter that closes its own connection is found out at once, not at the timeout
# outcome: error|killed|lost
# limits: timeout=20
import os, time

os.closerange(3, 4096)
time.sleep(60)
