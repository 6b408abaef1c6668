# from: pyjail write-ups
# expect: denied call-denied:3
__loader__.load_module('os')
