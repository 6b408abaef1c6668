# from: pyjail write-ups
# expect: denied import-not-allowed:3
__builtins__\
.eval('1')
