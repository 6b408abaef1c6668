// A long-running command with callbacks: it reports while it works, is fed, and a server that it starts is reached.
import { Sandbox } from '@e2b/code-interpreter';

const SERVER = `
import http.server, sys, threading
count = 0
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        global count
        count += 1
        body = f"visit {count}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        print("log:", args[0] % args[1:], flush=True)
server = http.server.HTTPServer(("127.0.0.1", 8000), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print("ready", flush=True)
for line in sys.stdin:
    print("heard:", line.strip(), flush=True)
`;

const sandbox = await Sandbox.create({ timeoutMs: 60_000 });
try {
  await sandbox.files.write('server.py', SERVER);
  let ready;
  const isReady = new Promise((resolve) => (ready = resolve));
  const server = await sandbox.commands.run('python3 server.py', {
    background: true,
    stdin: true,
    timeoutMs: 0,
    onStdout: (text) => {
      process.stdout.write(text);
      if (text.includes('ready')) ready();
    },
  });
  await isReady;
  const origin = process.env.E2B_SANDBOX_URL ?? `https://${sandbox.getHost(8000)}`;
  const headers = { 'E2b-Sandbox-Id': sandbox.sandboxId, 'E2b-Sandbox-Port': '8000' };
  for (let visit = 0; visit < 2; visit += 1) console.log(await (await fetch(origin, { headers })).text());
  await sandbox.commands.sendStdin(server.pid, 'goodbye\n');
  await sandbox.commands.closeStdin(server.pid);
  const end = await server.wait();
  console.log('ended with', end.exitCode);
} finally {
  await sandbox.kill();
}
