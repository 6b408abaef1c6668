# from: pyjail write-ups
# expect: denied call-denied:4
x = 1
t'{x:{eval("1")}}'
