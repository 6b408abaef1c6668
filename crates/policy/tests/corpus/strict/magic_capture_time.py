# from: a list of things that a check of names must see through
# expect: denied import-not-allowed:4
%%capture out
%%timeit -n 1 import os
os.system('id')
