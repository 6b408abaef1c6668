# promise: a fork bomb that never gives up ends with the timeout, and nothing of it is left
# outcome: timeout|killed|out_of_memory
# limits: pids=32 timeout=3
import os, signal

signal.signal(signal.SIGINT, signal.SIG_IGN)
while True:
    try:
        os.fork()
    except BaseException:
        pass
