# promise: a computation in C that never looks for signals ends at the timeout too
# outcome: timeout
# limits: timeout=2
import re

re.match(r"(a|aa)+$", "a" * 60 + "b")
