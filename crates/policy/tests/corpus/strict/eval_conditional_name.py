# from: a list of things that a check of names must see through
# expect: denied call-denied:4 call-denied:5
import random
f = len if random.random() > 0.5 else eval
f('1')
