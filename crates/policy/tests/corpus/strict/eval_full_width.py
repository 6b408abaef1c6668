# from: pyjail write-ups: identifiers are normalised (NFKC)
# expect: denied call-denied:3
ｅｖａｌ('1')
