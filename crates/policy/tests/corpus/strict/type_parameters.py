# from: pyjail write-ups
# expect: denied call-denied:3
def f[T: eval('1')]():
    pass
