# from: RestrictedPython: advisories and its own list of what is guarded
# expect: denied dunder-chain:3
str.format('{0.__class__}', 1)
