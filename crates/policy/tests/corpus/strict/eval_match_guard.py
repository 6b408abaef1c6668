# from: a list of things that a check of names must see through
# expect: denied call-denied:4
match 1:
    case x if eval('x'):
        pass
