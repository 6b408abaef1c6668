// Tries the E2B SDK that is installed with a server, and prints what came of it as JSON. What is expected is the caller's.
const { createRequire } = require('node:module');
const path = require('node:path');
const fs = require('node:fs');

const told = { version: null, steps: [] };
const find = createRequire(path.join(process.cwd(), 'check.cjs'));
let Sandbox;
try {
  ({ Sandbox } = find('@e2b/code-interpreter'));
  let folder = path.dirname(createRequire(find.resolve('@e2b/code-interpreter')).resolve('e2b'));
  while (!fs.existsSync(path.join(folder, 'package.json'))) folder = path.dirname(folder);
  told.version = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'))).version;
} catch {
  Sandbox = undefined;
}

async function step(name, call) {
  const began = performance.now();
  let error = null;
  let result;
  try {
    result = await call();
  } catch (raised) {
    error = `${raised.name}: ${raised.message}`;
  }
  told.steps.push({ name, ms: performance.now() - began, error });
  return result;
}

function same(got, expected) {
  if (got !== expected) throw new Error(`${JSON.stringify(got)} instead of ${JSON.stringify(expected)}`);
}

(async () => {
  const sandbox = Sandbox && (await step('create', () => Sandbox.create({ timeoutMs: 60_000 })));
  if (sandbox) {
    await step('code', async () => same((await sandbox.runCode('6 * 7')).text, '42'));
    await step('command', async () => same((await sandbox.commands.run('echo hi')).stdout, 'hi\n'));
    await step('write', () => sandbox.files.write('check.txt', 'größe'));
    await step('read', async () => same(await sandbox.files.read('check.txt'), 'größe'));
    await step('kill', async () => same(await sandbox.kill(), true));
  }
  console.log(JSON.stringify(told));
})();
