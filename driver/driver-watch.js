// The thread that waits for SIGINT on behalf of driver.js.
//
// The main thread cannot see a signal while it runs a busy loop. This one sleeps inside a script
// that V8 ends on SIGINT, then asks the main thread to stop, and stops it by force when it
// does not answer.
'use strict';

const inspector = require('node:inspector');
const vm = require('node:vm');
const { parentPort, workerData: shared } = require('node:worker_threads');

const ANSWER_MS = 40;
const SLEEP = 0;
const ANSWER = 1;

/** Returns when SIGINT arrives. */
function sleepUntilInterrupt() {
  try {
    vm.runInThisContext('(shared) => Atomics.wait(shared, 0, 0)', { breakOnSigint: true });
    globalThis.belljarSleep();
  } catch {
    return;
  }
}

/** Tells the main thread, by force if need be. */
function pass(session) {
  Atomics.store(shared, ANSWER, 0);
  parentPort.postMessage('interrupt');
  if (Atomics.wait(shared, ANSWER, 0, ANSWER_MS) === 'timed-out') {
    session.post('Runtime.terminateExecution');
  }
}

/** Waits and passes on for ever. */
function loop(session) {
  for (;;) {
    sleepUntilInterrupt();
    pass(session);
  }
}

globalThis.belljarSleep = () => Atomics.wait(shared, SLEEP, 0);
globalThis.belljarLoop = loop;
const session = new inspector.Session();
session.connectToMainThread();
globalThis.belljarSession = session;
for (;;) {
  // The outer script keeps V8's signal handler in place while the inner one is not running.
  try {
    vm.runInThisContext('belljarLoop(belljarSession)', { breakOnSigint: true });
  } catch {
    pass(session);
  }
}
