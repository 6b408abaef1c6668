# from: pyjail write-ups
# expect: denied dunder-chain:3
''.__class__.__base__.__subclasses__()[132].__init__.__globals__['system']('id')
