# promise: deep recursion raises RecursionError and kills nobody
# outcome: ok
import json, sys

def down(n):
    return down(n + 1)

for limit in [1000, 5000]:
    sys.setrecursionlimit(limit)
    try:
        down(0)
    except RecursionError:
        pass
try:
    json.loads("[" * 100_000)
except (RecursionError, ValueError):
    pass
sys.setrecursionlimit(1000)
print("WORKS")
