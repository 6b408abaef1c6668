# from: pyjail write-ups
# expect: denied call-denied:3 call-denied:4
@exec
@input
class X:
    pass
