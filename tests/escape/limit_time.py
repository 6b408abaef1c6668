# promise: an endless loop ends at the timeout
# outcome: timeout
# limits: timeout=2
while True:
    pass
