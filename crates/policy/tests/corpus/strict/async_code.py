# from: a list of things that a check of names must see through
# expect: denied import-not-allowed:3 shell-denied:4
import asyncio
await asyncio.create_subprocess_shell('id')
