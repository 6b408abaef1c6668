# from: a list of things that a check of names must see through
# expect: denied call-denied:4
import math
vars(math)['pi']
