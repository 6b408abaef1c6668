# from: top-level await is no error
# expect: allowed
import asyncio
await asyncio.sleep(0)
async with x as y:
    pass
async for z in y:
    print(z)
