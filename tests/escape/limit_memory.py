# promise: memory ends at the limit, and the outcome says so
# outcome: out_of_memory
# limits: memory=128M
hoard = []
while True:
    hoard.append(bytearray(b"x" * (8 << 20)))
