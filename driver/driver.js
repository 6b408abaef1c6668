// The JavaScript context: `node driver.js` with the guest's socket as descriptor 3.
//
// Cells run in one global scope through V8's inspector in REPL mode: state is kept, `const` may be
// declared again, top-level `await` works, the last expression is the result. Descriptors 1 and 2
// are pipes for the context's life. A worker thread (driver-watch.js) turns SIGINT into the end
// of the running cell, even of a busy loop. Needs Node 18 or later and no package. With the argument
// `typescript` cells are TypeScript (driver-typescript.js).
'use strict';

const inspector = require('node:inspector');
const { createRequire, builtinModules } = require('node:module');
const net = require('node:net');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const util = require('node:util');
const { Worker } = require('node:worker_threads');
const { rewriteImports } = require('./driver-imports.js');
const { findReader } = require('./driver-typescript.js');

const HEADER_BYTES_MAX = 64 * 1024;
const PAYLOAD_BYTES_MAX = 32 * 1024 * 1024;
const BUNDLE_BYTES_MAX = 24 * 1024 * 1024;
const TEXT_CHARS_MAX = 32 * 1024;
const STRING_CHARS_MAX = 1 << 20;
const EXIT_INTERRUPTED = 130;
const HOOKS = Symbol.for('belljar.hooks');
const ENOENT = 2;
const SOURCE = /\bbelljar-cell-(\d+)(?::(\d+))?/g;

// Node's own, before user code can replace them.
const reallyExit = process.reallyExit.bind(process);
const environment = process.env;
const { stringify, parse } = JSON;

/** Ends the process at once, without user code's exit handlers. */
function leave(code) {
  reallyExit(code);
}

/** Ends the process at the end of the stream: without sessions left, V8 says nothing about them. */
function depart() {
  session.disconnect();
  setTimeout(() => leave(0), 500);
  watcher.terminate().finally(() => leave(0));
}

/** Frames over the guest's socket. */
class Channel {
  constructor(socket, onFrame) {
    this.socket = socket;
    this.onFrame = onFrame;
    this.chunks = [];
    this.bytes = 0;
    socket.on('data', (chunk) => this.take(chunk));
    socket.on('end', () => depart());
    socket.on('error', () => leave(1));
  }

  /** Collects bytes; hands on every frame that is whole. */
  take(chunk) {
    this.chunks.push(chunk);
    this.bytes += chunk.length;
    for (;;) {
      if (this.bytes < 8) return;
      if (this.chunks[0].length < 8) this.join();
      const headerBytes = this.chunks[0].readUInt32LE(0);
      const payloadBytes = this.chunks[0].readUInt32LE(4);
      if (headerBytes > HEADER_BYTES_MAX || payloadBytes > PAYLOAD_BYTES_MAX) leave(1);
      const end = 8 + headerBytes + payloadBytes;
      if (this.bytes < end) return;
      const all = this.join();
      this.chunks = [all.subarray(end)];
      this.bytes -= end;
      let header;
      try {
        header = parse(all.toString('utf8', 8, 8 + headerBytes));
      } catch {
        leave(1);
      }
      this.onFrame(header, all.subarray(8 + headerBytes, end));
    }
  }

  join() {
    const all = this.chunks.length === 1 ? this.chunks[0] : Buffer.concat(this.chunks);
    this.chunks = [all];
    return all;
  }

  /** Sends one frame. */
  send(header, payload = Buffer.alloc(0)) {
    const head = Buffer.from(stringify(header));
    const prefix = Buffer.alloc(8);
    prefix.writeUInt32LE(head.length, 0);
    prefix.writeUInt32LE(payload.length, 4);
    this.socket.write(Buffer.concat([prefix, head, payload]));
  }
}

/** What `process.exit()` throws: it ends the cell, not the context. */
class ExitRequest {
  constructor(code) {
    this.code = code;
  }
}

/** Text without lone surrogates (they have no UTF-8 form) and not longer than a limit. */
function clipped(text, charsMax = TEXT_CHARS_MAX) {
  const kept = text.length > charsMax ? `${text.slice(0, charsMax)}… [${text.length - charsMax} more characters]` : text;
  return kept.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '\ufffd');
}

const session = new inspector.Session();
const state = { count: 0, running: null, waitingForAck: null, exit: null, lines: new Map() };
const reader = process.argv[2] === 'typescript' ? findReader() : undefined;

/** Calls the inspector; resolves to its answer, rejects with its protocol error. */
function post(method, parameters) {
  return new Promise((resolve, reject) => {
    session.post(method, parameters, (error, answer) => (error ? reject(error) : resolve(answer)));
  });
}

// Called by the inspector inside the context, because only there the values themselves exist.
const hooks = {
  inspect: (value) => (value === undefined ? undefined : util.inspect(value, { maxStringLength: STRING_CHARS_MAX })),
  describe: (value) => stringify(describeThrown(value)),
  import: (specifier, options) => importFrom(String(specifier), options),
};

/** Loads a module as seen from the working directory. */
function importFrom(specifier, options) {
  if (/^\.{0,2}\//.test(specifier)) {
    return import(pathToFileURL(path.resolve(specifier)).href, options);
  }
  if (/^(node|file|data):/.test(specifier) || builtinModules.includes(specifier)) return import(specifier, options);
  const resolved = createRequire(path.join(process.cwd(), 'cell.js')).resolve(specifier);
  return import(pathToFileURL(resolved).href, options);
}

/** What a thrown value says about itself; its getters may be hostile. */
function describeThrown(value) {
  if (value instanceof ExitRequest) return { exit: value.code };
  if (typeof value !== 'object' || value === null || !util.types.isNativeError(value)) {
    const text = clipped(util.inspect(value));
    return { name: 'Uncaught', message: text, stack: `Uncaught ${text}` };
  }
  const code = String(value.code ?? '');
  return {
    name: clipped(String(value.name ?? 'Error'), 200),
    message: clipped(String(value.message ?? '')),
    stack: clipped(stackOf(value)),
    errno: Number.isInteger(value.errno) ? Math.abs(value.errno) : null,
    import: code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND',
    syntax: value instanceof SyntaxError,
  };
}

/** The stack of an error and of its causes. */
function stackOf(error, depth = 0) {
  const stack = typeof error.stack === 'string' ? error.stack : `${error.name}: ${error.message}`;
  if (depth > 5 || !util.types.isNativeError(error.cause)) return stack;
  return `${stack}\nCaused by: ${stackOf(error.cause, depth + 1)}`;
}

/** Calls one hook with a value that the inspector refers to. */
async function callHook(name, remote) {
  const argument = remote.objectId
    ? { objectId: remote.objectId }
    : remote.unserializableValue
      ? { unserializableValue: remote.unserializableValue }
      : { value: remote.value };
  const answer = await post('Runtime.callFunctionOn', {
    functionDeclaration: `function (value) { return globalThis[Symbol.for('belljar.hooks')].${name}(value); }`,
    executionContextId: state.contextId,
    arguments: [argument],
    returnByValue: true,
  });
  if (answer.exceptionDetails) throw new Error(`cannot ${name} the value`);
  return answer.result.value;
}

/** The frames of a stack that belong to cells, with the cells' public names. */
function tidyStack(stack) {
  const lines = stack.split('\n').filter((line) => !/^\s+at .*(node:internal|node:inspector|driver[\w-]*\.js|node:vm|new Promise \(<anonymous>\))/.test(line));
  return lines.map((line) => line.replace(SOURCE, (_, cell, number) => `<cell ${cell}>${number ? `:${lineOf(cell, Number(number))}` : ''}`));
}

/** The stack frames of an exception that belong to cells. */
function cellFrames(details) {
  return (details.stackTrace?.callFrames ?? []).filter((frame) => frame.url.startsWith('belljar-cell-'));
}

/** The line of a cell as its author counts. */
function lineOf(cell, line) {
  return state.lines.get(Number(cell))?.(line) ?? line;
}

/** The line of the running cell that an exception belongs to, or null. */
function cellLine(details, cell) {
  const frame = cellFrames(details).find((found) => found.url === `belljar-cell-${cell}`);
  return frame ? lineOf(cell, frame.lineNumber + 1) : null;
}

/** Where a syntax error is: line and column; what lacks an end ends with the last line. */
function syntaxPlace(code, details, cell) {
  const lines = code.trimEnd().split('\n');
  const line = lineOf(cell, (details.lineNumber ?? 0) + 1);
  if (line > lines.length) return { line: lines.length, column: lines[lines.length - 1].length };
  return { line, column: details.columnNumber ?? 0 };
}

/** Where a syntax error is, as text. */
function syntaxLines(code, { line, column }, cell) {
  const source = code.split('\n')[line - 1] ?? '';
  return [`<cell ${cell}>:${line}`, clipped(source, 500), `${' '.repeat(Math.min(column, 500))}^`];
}

/** Forgets an evaluation that nobody waits for: the inspector of Node 22 crashes when its promise is collected. */
function forsake() {
  session.disconnect();
  session.connect();
}

/** Turns exception details into the payload of an error frame, or an exit. */
async function faultOf(details, code, cell) {
  let thrown;
  try {
    thrown = parse(await callHook('describe', details.exception ?? { value: details.text }));
  } catch {
    const text = clipped(details.exception?.description ?? details.text ?? 'Error');
    thrown = { name: details.exception?.className ?? 'Error', message: text, stack: text };
  }
  if ('exit' in thrown) return thrown;
  const compiling = thrown.syntax && cellFrames(details).length === 0;
  const place = syntaxPlace(code, details, cell);
  return {
    name: thrown.name,
    message: thrown.message,
    traceback: [...(compiling ? syntaxLines(code, place, cell) : []), ...tidyStack(compiling ? `${thrown.name}: ${thrown.message}` : thrown.stack)],
    line: compiling ? place.line : cellLine(details, cell),
    errno: thrown.errno ?? null,
    syntax: Boolean(thrown.syntax),
    import: Boolean(thrown.import),
  };
}

/** The error frame of an interrupted cell. */
function interruption() {
  return {
    name: 'KeyboardInterrupt', message: 'interrupted', traceback: ['KeyboardInterrupt: interrupted'],
    line: null, errno: null, syntax: false, import: false,
  };
}

/** The text of a value that came without a reference, or undefined. */
function primitiveText(result) {
  return 'unserializableValue' in result ? result.unserializableValue : hooks.inspect(result.subtype === 'null' ? null : result.value);
}

/** A TypeScript cell as JavaScript. */
function withoutTypes(code, cell) {
  const made = reader(code);
  state.lines.set(cell, made.lineOf);
  return made.code;
}

/** The error frame of a cell that is no TypeScript. */
function typeFault(error, code, cell) {
  const fault = { ...plainFault(error), syntax: true };
  if (!error.place) return fault;
  const traceback = [...syntaxLines(code, error.place, cell), `${fault.name}: ${fault.message}`];
  return { ...fault, traceback, line: error.place.line };
}

/** What a promise becomes, in the form of an evaluation's answer. */
async function settled({ objectId }) {
  try {
    return await post('Runtime.awaitPromise', { promiseObjectId: objectId });
  } finally {
    session.post('Runtime.releaseObject', { objectId });
  }
}

/** Evaluates one cell; resolves to { value } | { fault } | { exit }. */
async function evaluate(code, cell) {
  let answer;
  let script = code;
  try {
    if (reader) script = withoutTypes(code, cell);
  } catch (error) {
    return { fault: typeFault(error, code, cell) };
  }
  try {
    answer = await post('Runtime.evaluate', {
      expression: `${rewriteImports(script)}\n//# sourceURL=belljar-cell-${cell}`,
      replMode: true,
      awaitPromise: true,
      includeCommandLineAPI: false,
      userGesture: false,
    });
  } catch (error) {
    return { fault: /terminated|internal error/i.test(error.message) ? interruption() : plainFault(error) };
  }
  // A promise is waited for: what `main()` prints belongs to this cell.
  if (answer.result.subtype === 'promise' && !answer.exceptionDetails) answer = await settled(answer.result);
  const { result, exceptionDetails } = answer;
  if (exceptionDetails) {
    const fault = await faultOf(exceptionDetails, code, cell);
    return 'exit' in fault ? { exit: fault.exit } : { fault };
  }
  try {
    return { value: result.objectId ? await callHook('inspect', result) : primitiveText(result) };
  } catch (error) {
    return { fault: plainFault(error) };
  } finally {
    if (result.objectId) session.post('Runtime.releaseObject', { objectId: result.objectId });
  }
}

/** The error frame of a failure that did not come with details of the inspector. */
function plainFault(error) {
  const thrown = describeThrown(error);
  return {
    name: thrown.name, message: thrown.message, traceback: tidyStack(thrown.stack),
    line: null, errno: thrown.errno ?? null, syntax: false, import: false,
  };
}

/** Sends a frame that the guest answers, and waits for the answer. */
function exchange(header, body) {
  return new Promise((resolve) => {
    state.waitingForAck = resolve;
    channel.send(header, Buffer.from(stringify(body)));
  });
}

/** The bundle for a value's text. */
function bundleOf(text) {
  const size = Buffer.byteLength(text);
  const notice = `[left out: this result has ${(size / (1 << 20)).toFixed(1)} MiB, more than the 24 MiB a result may have]`;
  return { 'text/plain': size > BUNDLE_BYTES_MAX / 2 ? notice : clipped(text, Infinity) };
}

/** Sets variables of the environment; returns what puts back those that were there before. */
function borrow(variables) {
  const before = Object.keys(variables).map((name) => [name, Object.hasOwn(environment, name) ? environment[name] : undefined]);
  Object.assign(environment, variables);
  return () => {
    for (const [name, value] of before) {
      if (value === undefined) delete environment[name];
      else environment[name] = value;
    }
  };
}

/** Runs one execution from its frame to `done`. */
async function execute({ execution, env = {} }, payload) {
  const cell = ++state.count;
  const giveBack = borrow(env);
  const interrupted = new Promise((resolve) => {
    state.running = { interrupt: () => resolve({ fault: interruption() }), fail: (fault) => resolve({ fault }), exit: (code) => resolve({ exit: code }) };
  });
  channel.send({ t: 'begun', execution });
  interrupted.then(forsake);
  const outcome = await Promise.race([evaluateBytes(payload, cell), interrupted]);
  giveBack();
  state.running = null;
  let status = 'ok';
  let exitCode = 0;
  if (outcome.fault) {
    status = 'error';
    exitCode = outcome.fault.name === 'KeyboardInterrupt' ? EXIT_INTERRUPTED : 1;
    await exchange({ t: 'error', execution }, outcome.fault);
  } else if ('exit' in outcome) {
    status = 'exit';
    exitCode = outcome.exit;
  } else if (outcome.value !== undefined) {
    await exchange({ t: 'bundle', execution, main: true, display_id: null, update: false }, bundleOf(outcome.value));
  }
  channel.send({ t: 'done', execution, status, exit_code: exitCode });
}

/** Evaluates a payload, which should be UTF-8. */
async function evaluateBytes(payload, cell) {
  let code;
  try {
    code = new util.TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(payload);
  } catch {
    return { fault: { ...plainFault(new SyntaxError('the code is not UTF-8')), syntax: true } };
  }
  return evaluate(code, cell);
}

/** Handles one frame of the guest. */
function onFrame(header, payload) {
  if (header?.t === 'ack' && state.waitingForAck) {
    const resolve = state.waitingForAck;
    state.waitingForAck = null;
    resolve();
  } else if (header?.t === 'execute' && typeof header.execution === 'string' && !state.running) {
    execute(header, payload).catch(() => leave(1));
  } else {
    leave(1);
  }
}

/** What an exception outside of any cell's own stack does: it ends a waiting cell. */
function onUncaught(error) {
  if (error instanceof ExitRequest) {
    state.running?.exit(error.code);
  } else if (state.running) {
    state.running.fail(plainFault(error));
  } else {
    process.stderr.write(`${tidyStack(clipped(util.inspect(error))).join('\n')}\n`);
  }
}

/** Gives cells what a Node REPL gives: `require` and the built-in modules by name. */
function furnish() {
  const define = (name, get) => Object.defineProperty(globalThis, name, {
    configurable: true, enumerable: false, get,
    set: (value) => Object.defineProperty(globalThis, name, { configurable: true, enumerable: true, writable: true, value }),
  });
  define('require', () => createRequire(path.join(process.cwd(), 'cell.js')));
  for (const name of builtinModules) {
    if (!/^_|\/|^(punycode|sys|wasi|trace_events|repl|inspector|console|process)$/.test(name) && !(name in globalThis)) define(name, () => require(name));
  }
  Object.defineProperty(globalThis, HOOKS, { value: Object.freeze(hooks) });
  const exitCode = (code) => Number(code ?? process.exitCode ?? 0) & 0xff;
  process.exit = (code) => {
    throw new ExitRequest(exitCode(code));
  };
}

/** Starts the thread that waits for SIGINT; until it is up, the main thread listens itself. */
function watch() {
  const shared = new Int32Array(new SharedArrayBuffer(8));
  process.on('SIGINT', () => state.running?.interrupt());
  const worker = new Worker(path.join(__dirname, 'driver-watch.js'), { workerData: shared, stdout: false, stderr: false });
  worker.unref();
  worker.on('message', (message) => {
    Atomics.store(shared, 1, 1);
    Atomics.notify(shared, 1);
    if (message === 'interrupt') state.running?.interrupt();
  });
  worker.on('error', () => {});
  return worker;
}

session.connect();
session.on('Runtime.executionContextCreated', ({ params }) => {
  state.contextId ??= params.context.id;
});
session.post('Runtime.enable');
furnish();
const watcher = watch();
process.on('uncaughtException', onUncaught);
process.on('unhandledRejection', onUncaught);
process.umask(0o022);
const channel = new Channel(new net.Socket({ fd: 3, readable: true, writable: true }), onFrame);
if (reader === null) {
  channel.send({ t: 'failed', step: 'find what reads TypeScript', errno: ENOENT });
  channel.socket.end();
} else {
  channel.send({ t: 'hello', pid: process.pid, walls: [] });
}
