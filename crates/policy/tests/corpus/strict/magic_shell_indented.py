# from: a list of things that a check of names must see through
# expect: denied shell-denied:4
for i in range(2):
    !id
