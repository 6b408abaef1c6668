# promise: code that refuses every interrupt ends all the same
# outcome: timeout
# limits: timeout=2
import signal, threading

for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
threading.Thread(target=lambda: [None for _ in iter(int, 1)]).start()
while True:
    try:
        while True:
            pass
    except BaseException:
        continue
