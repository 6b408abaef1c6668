# from: a list of things that a check of names must see through
# expect: denied call-denied:3
eval('1')
def eval(x):
    return x
