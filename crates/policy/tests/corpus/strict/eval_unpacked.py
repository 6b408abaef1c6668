# from: a list of things that a check of names must see through
# expect: denied call-denied:3 call-denied:4 call-denied:5
a, (b, *c) = len, (eval, exec, print)
b('1')
c[0]('1')
