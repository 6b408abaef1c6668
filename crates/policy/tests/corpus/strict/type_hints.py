# from: pyjail write-ups: annotations in strings are evaluated
# expect: denied call-denied:5
import typing
def f(x: 'print(1)'): pass
typing.get_type_hints(f)
