# from: pyjail write-ups
# expect: denied dunder-chain:3 dunder-chain:3
getattr(getattr((), '__cla' + 'ss__'), '__base__')
