# from: pyjail write-ups
# expect: denied dunder-chain:3
(lambda: 0).__globals__['__builtins__']
