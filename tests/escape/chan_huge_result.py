# promise: one result of a hundred megabytes is left out, not carried
# outcome: ok|error
# limits: memory=512M timeout=30
from IPython.display import display

display({"text/plain": "x" * 100_000_000}, raw=True)
print("HELD")
