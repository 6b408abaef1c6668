# from: a list of things that a check of names must see through
# expect: denied call-denied:7
import random
if random.random() > 2:
    def eval(x):
        return x
eval('1')
