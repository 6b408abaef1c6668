# from: a list of things that a check of names must see through
# expect: denied import-not-allowed:4
try:
    import ujson as json
except ImportError:
    import json
