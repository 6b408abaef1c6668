# from: a list of things that a check of names must see through
# expect: denied call-denied:3 import-not-allowed:3
getattr(__builtins__, chr(101) + chr(118) + chr(97) + chr(108))('1')
