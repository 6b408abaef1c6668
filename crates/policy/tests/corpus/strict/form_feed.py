# from: pyjail write-ups
# expect: denied call-denied:3
eval('1')
