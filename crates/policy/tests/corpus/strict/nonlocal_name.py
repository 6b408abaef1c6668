# from: a list of things that a check of names must see through
# expect: denied call-denied:7 call-denied:9
def f():
    g = None
    def h():
        nonlocal g
        g = eval
    h()
    g('1')
