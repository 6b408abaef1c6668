# from: pyjail write-ups
# expect: denied dunder-chain:4 dunder-chain:4
def f(): pass
f.__code__ = f.__code__.replace(co_code=b'')
