# from: a list of things that a check of names must see through
# expect: denied call-denied:3
print(f'{1:{eval("2")}}')
