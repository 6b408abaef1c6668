# from: pyjail write-ups: a carriage return ends a comment
# expect: denied call-denied:4
x = 1 # harmlesseval('1')
