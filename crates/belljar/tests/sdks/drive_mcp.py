"""Drives a server with the official client of the Model Context Protocol and prints what the client made of it.

The argument is a program, whose `mcp` speaks on its standard input and output, or an address with a key: `http://…#KEY`.
"""

import asyncio
import json
import os
import sys

import httpx2
import mcp
from mcp.client.streamable_http import streamable_http_client

ARGUMENTS = ["mcp", "--template", "python", "--memory", "256M"]
BEAT = """
import time
while True:
    open("beat", "a").write(".")
    print("up", flush=True)
    time.sleep(0.05)
"""
PICTURE = """
import base64
from IPython.display import Image, display
png = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
display(Image(png))
open("p.png", "wb").write(png)
None
"""
LINES = "import time\nfor i in range(20):\n    print(i, flush=True)\n    time.sleep(0.05)"


async def main():
    seen = {}
    for era in ["legacy", "auto"]:
        if not sys.argv[1].startswith("http"):
            server = mcp.StdioServerParameters(command=sys.argv[1], args=ARGUMENTS, env=dict(os.environ))
            seen[era] = await connected(server, era)
            continue
        address, _, key = sys.argv[1].partition("#")
        async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=60) as http:
            seen[era] = await connected(streamable_http_client(address, http_client=http), era)
    print(json.dumps(seen))


async def connected(server, era):
    async with mcp.Client(server, mode=era) as client:
        return await drive(client)


async def drive(client):
    seen = {"version": client.protocol_version}
    seen["tools"] = [tool.name for tool in (await client.list_tools()).tools]
    templates = await client.list_resource_templates()
    seen["template"] = templates.resource_templates[0].uri_template
    made = await client.call_tool("create_sandbox", {})
    sandbox = made.structured_content["sandbox"]

    async def run(code, **more):
        return await client.call_tool("run_code", {"code": code, "sandbox": sandbox, **more})

    written = {"sandbox": sandbox, "path": "a.txt", "text": "hello"}
    await client.call_tool("write_file", written)
    outcomes = [
        await run("x = 7\nx"),
        await run("1/0"),
        await run("while True: pass", timeout=0.5),
        await client.call_tool("run_command", {"command": "ls", "sandbox": sandbox}),
        await run("echo 2", language="bash"),
    ]
    seen["statuses"] = [outcome.structured_content["status"] for outcome in outcomes]
    alone = await client.call_tool("run_code", {"code": PICTURE})
    seen["image"] = [block.type for block in alone.content]
    seen["resource"] = (await client.read_resource(f"belljar://{sandbox}/files/a.txt")).contents[0].text
    seen["progress"] = await progress(client)
    seen["cancelled"] = await cancelled(client, run, sandbox)
    listed = await client.call_tool("list_files", {"sandbox": sandbox})
    seen["listed"] = [entry["path"] for entry in listed.structured_content["entries"]]
    await client.call_tool("close_sandbox", {"sandbox": sandbox})
    gone = await run("x")
    seen["gone"] = {"error": gone.is_error, "text": gone.content[0].text}
    try:
        await run(7)
    except mcp.MCPError as error:
        seen["bad"] = error.code
    return seen


async def progress(client):
    messages = []

    async def hear(done, total, message):
        messages.append(message)

    await client.call_tool("run_code", {"code": LINES}, progress_callback=hear)
    return messages


async def cancelled(client, run, sandbox):
    up = asyncio.Event()

    async def hear(done, total, message):
        up.set()

    arguments = {"code": BEAT, "sandbox": sandbox}
    call = asyncio.create_task(client.call_tool("run_code", arguments, progress_callback=hear))
    await asyncio.wait_for(up.wait(), 60)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    after = await run("import glob; print(*glob.glob('beat'))")
    sizes = []
    for _ in range(2):
        listed = await client.call_tool("list_files", {"sandbox": sandbox})
        sizes.append([entry["size"] for entry in listed.structured_content["entries"] if entry["path"] == "beat"])
        await asyncio.sleep(0.5)
    return {"grows": sizes[0] != sizes[1], "after": after.structured_content["stdout"]}


asyncio.run(main())
