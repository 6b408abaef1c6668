// What all tests share: the SDK, and a sandbox that ends with its test.
'use strict';

const { Sandbox } = require('@e2b/code-interpreter');
const sdk = require('e2b');

/** A new sandbox for one test. */
async function create(test, ...given) {
  const sandbox = await Sandbox.create(...given);
  test.after(() => sandbox.kill());
  return sandbox;
}

/** Waits until something holds. */
async function until(holds) {
  for (let at = 0; at < 200; at += 1) {
    if (await holds()) return;
    await new Promise((wake) => setTimeout(wake, 50));
  }
  throw new Error(`never: ${holds}`);
}

// Known by what they lack: packages do not tell their version.
const old = !('fork' in Sandbox.prototype);

module.exports = { ...sdk, old, Sandbox, create, until };
