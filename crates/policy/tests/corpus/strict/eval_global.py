# from: a list of things that a check of names must see through
# expect: denied call-denied:5 call-denied:7
def f():
    global g
    g = eval
f()
g('1')
