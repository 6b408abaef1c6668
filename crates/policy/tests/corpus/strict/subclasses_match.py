# from: pyjail write-ups: a class pattern reads attributes
# expect: denied dunder-chain:4
match ():
    case object(__class__=c):
        print(c)
