# from: pyjail write-ups
# expect: denied call-denied:5
class A(type):
    pass
class B(metaclass=exec):
    pass
