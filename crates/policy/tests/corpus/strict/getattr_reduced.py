# from: pyjail write-ups
# expect: denied unresolved-name:4
from functools import reduce
reduce(getattr, ['a', 'b'], object)
