# from: pyjail write-ups
# expect: denied dunder-chain:3
print.__self__.eval('1')
