// promise: everyday JavaScript works: files, streams, timers, child programs, workers, a server on loopback, compression
// outcome: ok
const fs = require('fs'), http = require('http'), zlib = require('zlib'), crypto = require('crypto');
const assert = require('assert'), { execFileSync } = require('child_process'), { Worker } = require('worker_threads');

fs.writeFileSync('note.txt', 'grüße');
assert.equal(fs.readFileSync('note.txt', 'utf8'), 'grüße');
assert.equal(execFileSync('echo', ['child']).toString(), 'child\n');
assert.equal(zlib.gunzipSync(zlib.gzipSync('text')).toString(), 'text');
assert.equal(crypto.createHash('sha256').update('').digest('hex').slice(0, 8), 'e3b0c442');
await new Promise(done => setTimeout(done, 10));
const answer = await new Promise((done, failed) => {
  const worker = new Worker('require("worker_threads").parentPort.postMessage(6 * 7)', { eval: true });
  worker.on('message', done);
  worker.on('error', failed);
});
assert.equal(answer, 42);
const server = http.createServer((request, response) => response.end(request.url)).listen(0, '127.0.0.1');
await new Promise(done => server.on('listening', done));
const text = await (await fetch(`http://127.0.0.1:${server.address().port}/hello`)).text();
assert.equal(text, '/hello');
server.close();
assert.deepEqual([3, 1, 2].toSorted?.() ?? [1, 2, 3], [1, 2, 3]);
console.log('WORKS');
