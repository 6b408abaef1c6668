// Code: cells, what they say and show, contexts, languages, time.
'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const { NotFoundError, TimeoutError, create, old } = require('./sdk.cjs');

test('results, streams and errors', async (t) => {
  const sandbox = await create(t);
  const seen = [];
  const ran = await sandbox.runCode("import sys\nprint('größe \\u2028 😀')\nprint('err', file=sys.stderr)\n40 + 2", {
    onStdout: (line) => seen.push(['out', line.line]),
    onStderr: (line) => seen.push(['err', line.line]),
    onResult: (result) => seen.push(['result', result.text]),
  });
  assert.equal(ran.text, '42');
  assert.equal(ran.executionCount, 1);
  assert.deepEqual(seen.slice().sort(), [['err', 'err\n'], ['out', 'größe \u2028 😀\n'], ['result', '42']]);
  const failed = await sandbox.runCode('1 / 0', { onError: (error) => seen.push(['error', error.name]) });
  assert.equal(failed.error.name, 'ZeroDivisionError');
  assert.ok(failed.error.traceback.includes('1 / 0'));
  assert.deepEqual(seen.at(-1), ['error', 'ZeroDivisionError']);
});

test('charts', async (t) => {
  const sandbox = await create(t);
  const ran = await sandbox.runCode("import matplotlib.pyplot as plt\nplt.bar(['a', 'b'], [1, 2])\nplt.title('T')\nplt.show()");
  const [result] = ran.results;
  assert.equal(Buffer.from(result.png, 'base64').subarray(1, 4).toString(), 'PNG');
  assert.equal(result.chart.type, 'bar');
  assert.equal(result.chart.title, 'T');
});

test('contexts', async (t) => {
  const sandbox = await create(t);
  const context = await sandbox.createCodeContext({ cwd: '/tmp', language: 'python' });
  await sandbox.runCode('x = 1');
  await sandbox.runCode('x = 2', { context });
  assert.equal((await sandbox.runCode('x')).text, '1');
  assert.equal((await sandbox.runCode('import os; (x, os.getcwd())', { context })).text, "(2, '/tmp')");
  assert.deepEqual((await sandbox.listCodeContexts()).map((one) => one.language), ['python', 'javascript', 'python']);
  await sandbox.restartCodeContext(context);
  assert.equal((await sandbox.runCode('x', { context })).error.name, 'NameError');
  await sandbox.removeCodeContext(context);
  await assert.rejects(sandbox.runCode('x', { context }), NotFoundError);
});

test('languages and environment', async (t) => {
  const sandbox = await create(t, { envs: { A: 'sandbox' } });
  const ran = await sandbox.runCode('console.log(process.env.A); [1, 2].map((n) => n * 2)', { language: 'js' });
  assert.equal(ran.logs.stdout.join(''), 'sandbox\n');
  assert.equal(ran.text, '[ 2, 4 ]');
  const cell = await sandbox.runCode("import os; os.environ['A']", { envs: { A: 'cell' } });
  assert.equal(cell.text, 'cell');
  assert.equal((await sandbox.runCode("os.environ['A']")).text, 'sandbox');
});

test('time runs out and the state stays', async (t) => {
  const sandbox = await create(t);
  await sandbox.runCode('x = 5');
  await assert.rejects(sandbox.runCode('while True: pass', { timeoutMs: 1_000 }), TimeoutError);
  assert.equal((await sandbox.runCode('x')).text, '5');
});

test('killed in the middle', async (t) => {
  const sandbox = await create(t);
  const running = sandbox.runCode('import time; time.sleep(60)');
  // Old clients give what `fetch` says of it.
  const ended = (error) => error instanceof TimeoutError || (old && error.cause?.code === 'UND_ERR_SOCKET');
  const ends = assert.rejects(running, ended);
  await new Promise((wake) => setTimeout(wake, 1_000));
  await sandbox.kill();
  await ends;
});
