# promise: what one context does to the libraries that were imported ahead of time stays its own
# outcome: ok
# The runner runs it twice, each time in a new sandbox of the same template.
import builtins, json, sys

if hasattr(json, "poisoned") or hasattr(builtins, "poisoned") or "poisoned" in sys.path:
    raise SystemExit("BROKEN: another one's poison")
json.poisoned = builtins.poisoned = True
sys.path.append("poisoned")
json.loads = lambda *_: "poisoned"
print("HELD")
