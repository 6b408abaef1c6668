# from: a list of things that a check of names must see through
# expect: denied unresolved-name:5
import json
name = str(json)
setattr(json, name, 1)
