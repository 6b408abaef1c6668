# from: a list of things that a check of names must see through
# expect: denied call-denied:3 call-denied:4
f = eval
f('1 + 1')
