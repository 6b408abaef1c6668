# from: typical code of an analysis
# expect: allowed
async def double(x):
    return 2 * x

print(await double(21))
