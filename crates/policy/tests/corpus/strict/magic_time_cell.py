# from: a list of things that a check of names must see through
# expect: denied call-denied:5
%%time
x = 1
eval('x')
