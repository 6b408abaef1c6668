# from: a list of things that a check of names must see through
# expect: denied syntax:4
print('hello'
