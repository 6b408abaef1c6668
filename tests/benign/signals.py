# promise: signal handlers, alarms, timers, masks and waiting for signals work
# outcome: ok
import os, signal, threading, time

seen = []
signal.signal(signal.SIGUSR1, lambda number, frame: seen.append(number))
os.kill(os.getpid(), signal.SIGUSR1)
signal.raise_signal(signal.SIGUSR1)
assert seen == [signal.SIGUSR1] * 2
signal.signal(signal.SIGALRM, lambda number, frame: seen.append(number))
signal.setitimer(signal.ITIMER_REAL, 0.05)
time.sleep(0.2)
assert seen[-1] == signal.SIGALRM
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
signal.pthread_kill(threading.get_ident(), signal.SIGUSR2)
assert signal.sigtimedwait([signal.SIGUSR2], 5).si_signo == signal.SIGUSR2
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR2])
def late(number, frame):
    raise TimeoutError("alarm")
signal.signal(signal.SIGALRM, late)
signal.alarm(1)
try:
    threading.Event().wait(10)
    raise SystemExit("the alarm did not ring")
except TimeoutError:
    pass
signal.signal(signal.SIGALRM, signal.SIG_DFL)
print("WORKS")
