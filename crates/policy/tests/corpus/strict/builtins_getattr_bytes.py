# from: pyjail write-ups
# expect: denied call-denied:3 import-not-allowed:3
getattr(__builtins__, bytes([101, 118, 97, 108]).decode())('1')
