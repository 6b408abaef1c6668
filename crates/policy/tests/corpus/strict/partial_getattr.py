# from: pyjail write-ups
# expect: denied unresolved-name:4
from functools import partial
partial(getattr, object)('x')
