// Processes: in the foreground and behind, fed, listed, attached to, ended; terminals.
'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const { CommandExitError, NotFoundError, SandboxError, TimeoutError, create, old } = require('./sdk.cjs');

test('output and end', async (t) => {
  const sandbox = await create(t);
  let out = '';
  const ran = await sandbox.commands.run('echo out; echo größe >&2', { onStdout: (text) => (out += text) });
  assert.deepEqual([ran.stdout, ran.stderr, ran.exitCode, out], ['out\n', 'größe\n', 0, 'out\n']);
  await assert.rejects(sandbox.commands.run('echo bad >&2; exit 7'), (error) => {
    assert.ok(error instanceof CommandExitError);
    assert.deepEqual([error.exitCode, error.stderr], [7, 'bad\n']);
    return true;
  });
  const where = await sandbox.commands.run('pwd; echo $A', { cwd: '/tmp', envs: { A: 'b c' } });
  assert.equal(where.stdout, '/tmp\nb c\n');
});

test('behind, fed, listed and ended', async (t) => {
  const sandbox = await create(t);
  const cat = await sandbox.commands.run('cat', { background: true, stdin: true });
  assert.ok((await sandbox.commands.list()).some((one) => one.pid === cat.pid && one.cmd === '/bin/bash'));
  await sandbox.commands.sendStdin(cat.pid, 'hello\n');
  await sandbox.commands.closeStdin(cat.pid);
  assert.equal((await cat.wait()).stdout, 'hello\n');
  const sleep = await sandbox.commands.run('sleep 1000', { background: true });
  assert.equal(await sleep.kill(), true);
  assert.equal(await sandbox.commands.kill(sleep.pid), false);
  await assert.rejects(sleep.wait(), CommandExitError);
  await assert.rejects(sandbox.commands.connect(999_999), NotFoundError);
});

test('attached to again', async (t) => {
  const sandbox = await create(t);
  const first = await sandbox.commands.run('sleep 0.5; echo late', { background: true });
  await first.disconnect();
  const again = await sandbox.commands.connect(first.pid);
  assert.equal((await again.wait()).stdout, 'late\n');
});

test('time runs out, and a sandbox is killed in the middle', async (t) => {
  const sandbox = await create(t);
  await assert.rejects(sandbox.commands.run('sleep 60', { timeoutMs: 1_000 }), TimeoutError);
  const running = await sandbox.commands.run('while :; do echo x; sleep 0.05; done', { background: true });
  // The oldest versions tell a connection that breaks off by the wrong name.
  const ends = assert.rejects(running.wait(), old ? SandboxError : TimeoutError);
  await sandbox.kill();
  await ends;
});

test('terminal', async (t) => {
  const sandbox = await create(t);
  let shown = '';
  const decoder = new TextDecoder();
  const terminal = await sandbox.pty.create({ cols: 80, rows: 24, onData: (data) => (shown += decoder.decode(data)) });
  await sandbox.pty.resize(terminal.pid, { cols: 132, rows: 40 });
  await sandbox.pty.sendInput(terminal.pid, new TextEncoder().encode('stty size; echo $((6*7)); exit\n'));
  await terminal.wait();
  assert.ok(shown.includes('40 132') && shown.includes('42'), shown);
});
