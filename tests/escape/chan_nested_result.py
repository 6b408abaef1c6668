# promise: a result nested a hundred thousand deep breaks no reader
# outcome: ok|error
from IPython.display import display

display({"text/plain": "deep", "application/json": "[" * 100_000 + "]" * 100_000}, raw=True)
print("HELD")
