# from: what cannot be seen is said
# expect: allowed unresolved-name:6 unresolved-name:7
import importlib
import random
name = str(random.random())
importlib.import_module(name)
getattr(name, name)
