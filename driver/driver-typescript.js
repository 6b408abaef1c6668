// Makes JavaScript of a TypeScript cell: by Node itself where it can (22.13 and later), else by the
// package `typescript` where the host has it. Types are taken out, not checked.
//
// Lines stay what they are, or are mapped back: `lineOf` of the answer.
'use strict';

const nodeModule = require('node:module');
const path = require('node:path');

// Where distributions and npm put packages for everybody.
const FOLDERS = ['/usr/share/nodejs', '/usr/local/lib/node_modules', '/usr/lib/node_modules'];
const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const SAME = (line) => line;
const DEPTH_MAX = 500;

/** A cell that is not TypeScript: where and why. */
class TypeSyntaxError extends SyntaxError {
  constructor(message, line, column) {
    super(message);
    this.name = 'SyntaxError';
    this.place = { line, column };
  }
}

/** Where the package is, or null. */
function packagePath() {
  const beside = path.join(path.dirname(process.execPath), '..', 'lib', 'node_modules');
  for (const folder of [...FOLDERS, beside]) {
    try {
      return require.resolve(path.join(folder, 'typescript'));
    } catch {
      continue;
    }
  }
  return null;
}

/** What can read TypeScript here, or null. */
function findReader() {
  if (typeof nodeModule.stripTypeScriptTypes === 'function') return readByNode;
  const found = packagePath();
  return found && ((code) => readByPackage(require(found), code));
}

/** Node's own way: first the one that keeps every place, then the one that also knows enums. */
function readByNode(code) {
  checkDepth(code);
  try {
    return { code: quietly(() => nodeModule.stripTypeScriptTypes(code)), lineOf: SAME };
  } catch (error) {
    if (error.code !== 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') throw placed(error);
  }
  try {
    const made = quietly(() => nodeModule.stripTypeScriptTypes(code, { mode: 'transform', sourceMap: true }));
    const [plain, map] = made.split(/\n\/\/# sourceMappingURL=data:application\/json;base64,/);
    const { mappings } = map ? JSON.parse(Buffer.from(map, 'base64')) : { mappings: '' };
    return { code: plain, lineOf: mapped(mappings) };
  } catch (error) {
    throw placed(error);
  }
}

/** Keeps from Node's reader what would break it for good; brackets in texts count as well. */
function checkDepth(code) {
  let depth = 0;
  let line = 1;
  for (const sign of code) {
    if (sign === '\n') line += 1;
    else if ('([{'.includes(sign)) depth += 1;
    else if (')]}'.includes(sign)) depth = Math.max(0, depth - 1);
    if (depth > DEPTH_MAX) throw new TypeSyntaxError('the code is nested too deeply', line, 0);
  }
}

/** Node says once that this is experimental, which is of no use to a cell. */
function quietly(make) {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return make();
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** An error of Node's reader with the place that its stack begins with: the line's number, the line, a mark below it. */
function placed(error) {
  if (!/TYPESCRIPT/.test(error.code)) {
    return new TypeSyntaxError('the code is too deep to be read, and no TypeScript can be read in this context any more', 1, 0);
  }
  const stack = String(error.stack);
  const [, line = '1'] = /^[^\n]*:(\d+)\n/.exec(stack) ?? [];
  const [, before = ''] = /^([^\S\n]*)\^/m.exec(stack) ?? [];
  return new TypeSyntaxError(String(error.message), Number(line), before.length);
}

/** The package's way. */
function readByPackage(ts, code) {
  const [major] = ts.version.split('.').map(Number);
  // An import that this cell does not use, another will.
  const kept = major >= 5 ? { verbatimModuleSyntax: true } : { preserveValueImports: true, isolatedModules: true };
  const made = ts.transpileModule(code, {
    reportDiagnostics: true,
    compilerOptions: { target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.ESNext, sourceMap: true, newLine: ts.NewLineKind.LineFeed, ...kept },
  });
  const [wrong] = made.diagnostics.filter(({ category }) => category === ts.DiagnosticCategory.Error);
  if (wrong) {
    const { line, character } = wrong.file?.getLineAndCharacterOfPosition(wrong.start) ?? { line: 0, character: 0 };
    throw new TypeSyntaxError(ts.flattenDiagnosticMessageText(wrong.messageText, '\n'), line + 1, character);
  }
  const plain = made.outputText.replace(/\n?^\/\/# sourceMappingURL=.*\s*$/m, '').replace(/^export \{\};$/m, '');
  return { code: plain, lineOf: mapped(JSON.parse(made.sourceMapText).mappings) };
}

/** From a line of what was made to the line of the cell, both from 1, by a source map's mappings. */
function mapped(mappings) {
  const lines = [];
  let source = 0;
  for (const group of mappings.split(';')) {
    let first = null;
    for (const segment of group.split(',').filter(Boolean)) {
      const [, , down = 0] = numbers(segment);
      source += down;
      first ??= source;
    }
    lines.push(first);
  }
  return (line) => {
    for (let at = Math.min(line, lines.length) - 1; at >= 0; at--) {
      if (lines[at] !== null) return lines[at] + 1;
    }
    return line;
  };
}

/** The numbers of one segment of mappings (base 64, seven bits at a time, the sign last). */
function numbers(segment) {
  const found = [];
  let value = 0;
  let shift = 0;
  for (const digit of segment) {
    const bits = DIGITS.indexOf(digit);
    value += (bits & 31) << shift;
    shift += 5;
    if (bits & 32) continue;
    found.push(value & 1 ? -(value >> 1) : value >> 1);
    value = shift = 0;
  }
  return found;
}

module.exports = { findReader, TypeSyntaxError };
