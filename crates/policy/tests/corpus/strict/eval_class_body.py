# from: a list of things that a check of names must see through
# expect: denied call-denied:4 call-denied:5
class A:
    e = eval
    e('1')
