# from: pyjail write-ups
# expect: denied dunder-chain:3
object.__getattribute__((), '__class__')
