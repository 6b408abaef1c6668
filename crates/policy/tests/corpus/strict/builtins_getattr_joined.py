# from: a list of things that a check of names must see through
# expect: denied call-denied:3 import-not-allowed:3
getattr(__builtins__, 'ev' + 'al')('1')
