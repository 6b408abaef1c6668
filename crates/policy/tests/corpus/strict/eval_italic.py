# from: pyjail write-ups: identifiers are normalised (NFKC)
# expect: denied call-denied:3
𝘦𝘷𝘢𝘭('1')
