# from: pyjail write-ups: a call without a bracket
# expect: denied call-denied:4
class A:
    __class_getitem__ = exec
A['import os']
