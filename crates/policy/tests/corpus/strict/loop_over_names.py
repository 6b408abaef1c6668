# from: a list of things that a check of names must see through
# expect: denied call-denied:3 call-denied:4
for f in (len, eval):
    f('1')
