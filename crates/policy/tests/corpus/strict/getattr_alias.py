# from: a list of things that a check of names must see through
# expect: denied unresolved-name:4 unresolved-name:5 call-denied:5
import json
g = getattr
g(json, 'dec' + input())
