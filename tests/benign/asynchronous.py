# promise: asyncio works: tasks, subprocesses, servers on loopback, threads, top-level await
# outcome: ok
import asyncio

async def echo(reader, writer):
    writer.write((await reader.readline()).upper())
    await writer.drain()
    writer.close()

async def main():
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"hello\n")
    assert await reader.readline() == b"HELLO\n"
    writer.close()
    server.close()
    child = await asyncio.create_subprocess_exec("echo", "child", stdout=asyncio.subprocess.PIPE)
    assert (await child.communicate())[0] == b"child\n"
    assert await asyncio.to_thread(sum, [1, 2]) == 3
    await asyncio.gather(*(asyncio.sleep(0.01) for _ in range(100)))
    try:
        await asyncio.wait_for(asyncio.sleep(30), 0.05)
        raise SystemExit("the timeout did not end it")
    except TimeoutError:
        pass

await main()
print("WORKS")
