# from: pyjail write-ups
# expect: denied dunder-chain:3
().__class__.__mro__[1].__subclasses__()
