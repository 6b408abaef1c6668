# promise: results without end are cut at a number and a size, not collected
# outcome: ok
# limits: memory=256M
from IPython.display import display

for number in range(2000):
    display({"text/plain": "x" * 20_000, "application/x-own": str(number)}, raw=True)
print("HELD")
