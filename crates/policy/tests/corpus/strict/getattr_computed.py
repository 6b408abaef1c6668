# from: a list of things that a check of names must see through
# expect: denied unresolved-name:4
def reach(thing, name):
    return getattr(thing, name)
