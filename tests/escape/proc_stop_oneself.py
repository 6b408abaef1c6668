# promise: a program that stops itself and its whole group does not stop the clock
# outcome: timeout|killed
# limits: timeout=2
import os, signal

while True:
    os.killpg(os.getpgrp(), signal.SIGSTOP)
