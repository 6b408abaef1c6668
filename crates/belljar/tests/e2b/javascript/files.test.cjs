// Files: written, read, listed, moved, watched, signed for.
'use strict';

const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const test = require('node:test');
const { FileType, FilesystemEventType, NotFoundError, create, until } = require('./sdk.cjs');

const SCRIPTS = ['größe.txt', 'データ.csv', 'файл.txt', '😀 smile.txt', 'with space & more?.txt', "quote'\"s.txt", 'ünï/cödé/deep.txt'];

test('written and read', async (t) => {
  const { files } = await create(t);
  const wrote = await files.write('folder/one.txt', 'größe 😀');
  assert.equal(wrote.path, '/home/user/folder/one.txt');
  assert.equal(await files.read('folder/one.txt'), 'größe 😀');
  const every = randomBytes(300_000);
  await files.write('two.bin', new Blob([every]));
  assert.deepEqual(Buffer.from(await files.read('two.bin', { format: 'bytes' })), every);
  await files.write('empty', '');
  assert.equal(await files.read('empty'), '');
  for (const name of SCRIPTS) {
    await files.write(name, name);
    assert.equal(await files.read(name), name);
  }
  await assert.rejects(files.read('no-such-file'), NotFoundError);
  const many = Array.from({ length: 50 }, (_, at) => ({ path: `many/${at}.txt`, data: String(at) }));
  assert.equal((await files.write(many)).length, 50);
  assert.equal((await files.list('many')).length, 50);
});

test('looked at, made, moved and removed', async (t) => {
  const { files } = await create(t);
  assert.equal(await files.makeDir('x/y'), true);
  assert.equal(await files.makeDir('x/y'), false);
  await files.write('x/y/z.txt', '123');
  const info = await files.getInfo('x/y/z.txt');
  assert.deepEqual([info.type, info.size, info.permissions, info.owner], [FileType.FILE, 3, '-rw-r--r--', 'user']);
  assert.equal((await files.rename('x/y/z.txt', 'new/z.txt')).path, '/home/user/new/z.txt');
  assert.equal(await files.exists('new/z.txt'), true);
  await files.remove('new');
  assert.equal(await files.exists('new'), false);
  assert.deepEqual((await files.list('x', { depth: 2 })).map((one) => one.name), ['y']);
});

test('watched', async (t) => {
  const { files } = await create(t);
  await files.makeDir('watched');
  const seen = [];
  const watcher = await files.watchDir('watched', (event) => seen.push(event), { recursive: true });
  await files.write('watched/new.txt', 'x');
  await until(() => seen.length >= 3);
  const kinds = FilesystemEventType;
  assert.deepEqual(seen.map((event) => event.type), [kinds.CREATE, kinds.CHMOD, kinds.WRITE]);
  await watcher.stop();
});

test('signed addresses', async (t) => {
  const sandbox = await create(t);
  await sandbox.files.write('signed größe.txt', 'signed');
  const url = await sandbox.downloadUrl('signed größe.txt', { useSignatureExpiration: 60_000 });
  assert.equal(await (await fetch(url)).text(), 'signed');
  const form = new FormData();
  form.append('file', new Blob(['uploaded']), 'up.txt');
  assert.equal((await fetch(await sandbox.uploadUrl('up.txt'), { method: 'POST', body: form })).status, 200);
  assert.equal(await sandbox.files.read('up.txt'), 'uploaded');
});
