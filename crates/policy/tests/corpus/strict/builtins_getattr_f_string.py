# from: a list of things that a check of names must see through
# expect: denied call-denied:4 import-not-allowed:4
part = 'ev'
getattr(__builtins__, f'{part}al')('1')
