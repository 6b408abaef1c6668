# from: pyjail write-ups
# expect: denied call-denied:3
print(f'{eval=}')
