# from: a list of things that a check of names must see through
# expect: denied call-denied:3
{'a': eval}['a']('1 + 1')
