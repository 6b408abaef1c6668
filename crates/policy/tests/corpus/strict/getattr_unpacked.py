# from: pyjail write-ups
# expect: denied unresolved-name:3
getattr(object, *['x'])
