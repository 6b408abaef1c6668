# from: a list of things that a check of names must see through
# expect: denied dunder-chain:3
__builtins__.__dict__['eval']('1')
