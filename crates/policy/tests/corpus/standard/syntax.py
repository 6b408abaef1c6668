# from: the driver has the last word
# expect: allowed syntax:4
print('hello'
