# from: pyjail write-ups
# expect: denied call-denied:3
__spec__.loader.load_module('os')
