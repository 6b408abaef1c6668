# from: pyjail write-ups
# expect: denied attribute-denied:3
type(1).mro()[1]
