# from: a list of things that a check of names must see through
# expect: denied unresolved-name:4
for name in ['a', 'b']:
    open(name + str([1]), 'w')
