# from: pyjail write-ups: a call without a bracket
# expect: denied call-denied:4
class A:
    __add__ = eval
A() + '1'
