// Sandboxes: made, found, listed, kept longer, ended.
'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const { NotFoundError, Sandbox, TimeoutError, create, until } = require('./sdk.cjs');

// Which of the two it is depends on the call and on the SDK's version.
const isDead = (error) => error instanceof TimeoutError || error instanceof NotFoundError;

test('made, used and ended', async (t) => {
  const sandbox = await create(t);
  assert.equal(await sandbox.isRunning(), true);
  assert.equal((await sandbox.runCode('1 + 1')).text, '2');
  const info = await sandbox.getInfo();
  assert.equal(info.sandboxId, sandbox.sandboxId);
  assert.equal(info.templateId, 'code-interpreter-v1');
  assert.equal(await Sandbox.kill(sandbox.sandboxId), true);
  assert.equal(await Sandbox.kill(sandbox.sandboxId), false);
  assert.equal(await sandbox.isRunning(), false);
  await assert.rejects(sandbox.runCode('1'), isDead);
  await assert.rejects(sandbox.commands.run('true'), isDead);
  await assert.rejects(sandbox.files.list('/'), isDead);
  await assert.rejects(Sandbox.connect(sandbox.sandboxId), NotFoundError);
});

test('environment and metadata', async (t) => {
  const own = `${Date.now()}-${Math.random()}`;
  const metadata = { own, 'größe & more=': 'v x/ü&=+%' };
  const sandbox = await create(t, { envs: { COLOUR: 'blue' }, metadata });
  assert.deepEqual((await sandbox.getInfo()).metadata, metadata);
  assert.equal((await sandbox.commands.run('echo $COLOUR $E2B_SANDBOX')).stdout, 'blue true\n');
  const other = await create(t, { metadata: { own } });
  const paginator = Sandbox.list({ query: { metadata: { own } }, limit: 1 });
  const found = [];
  while (paginator.hasNext) found.push(...(await paginator.nextItems()));
  assert.deepEqual(found.map((one) => one.sandboxId), [other.sandboxId, sandbox.sandboxId]);
  const one = await Sandbox.list({ query: { metadata } }).nextItems();
  assert.deepEqual(one.map((found) => found.sandboxId), [sandbox.sandboxId]);
});

test('found again, and lives as long as it is told', async (t) => {
  const sandbox = await create(t);
  await sandbox.files.write('note.txt', 'there');
  await sandbox.runCode('x = 41');
  const again = await Sandbox.connect(sandbox.sandboxId);
  assert.equal(await again.files.read('note.txt'), 'there');
  assert.equal((await again.runCode('x + 1')).text, '42');
  await sandbox.setTimeout(600_000);
  assert.ok((await sandbox.getInfo()).endAt - Date.now() > 500_000);
  await sandbox.setTimeout(1_000);
  await until(async () => !(await sandbox.isRunning()));
});

test('a port inside is reached from outside', async (t) => {
  const sandbox = await create(t);
  await sandbox.commands.run('mkdir -p www && echo hello > www/index.html');
  await sandbox.commands.run('cd www && python3 -m http.server 8000 --bind 127.0.0.1', { background: true });
  const domain = process.env.E2B_DOMAIN ?? `localhost:${new URL(process.env.E2B_API_URL).port}`;
  assert.equal(sandbox.getHost(8000), `8000-${sandbox.sandboxId}.${domain}`);
  const headers = { 'E2b-Sandbox-Id': sandbox.sandboxId, 'E2b-Sandbox-Port': '8000' };
  const ask = () =>
    process.env.E2B_DOMAIN
      ? fetch(`https://${sandbox.getHost(8000)}/index.html`)
      : fetch(`${process.env.E2B_SANDBOX_URL}/index.html`, { headers });
  await until(async () => (await ask()).ok);
  assert.equal(await (await ask()).text(), 'hello\n');
});
