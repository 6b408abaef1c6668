"""What stands before a server that has a domain: ends TLS, and passes everything on.

`tls_front.py CERTIFICATE KEY` prints its port, reads the server's `HOST:PORT` from standard input, and serves until
that is closed.
"""

import asyncio
import ssl
import sys


async def carry(reader, writer):
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    except (ConnectionError, ssl.SSLError):
        pass
    finally:
        writer.close()


async def main():
    certificate, key = sys.argv[1:]
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["http/1.1"])
    address = asyncio.get_running_loop().create_future()

    async def serve(reader, writer):
        server_reader, server_writer = await asyncio.open_connection(*await address)
        await asyncio.gather(carry(reader, server_writer), carry(server_reader, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    host, port = (await asyncio.to_thread(sys.stdin.readline)).strip().rsplit(":", 1)
    address.set_result((host, int(port)))
    await asyncio.to_thread(sys.stdin.read)


asyncio.run(main())
