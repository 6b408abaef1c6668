// Rewrites `import` in a JavaScript cell: the inspector's evaluation has no module loader.
//
// `import(x)` becomes a call of the driver's own loader, static imports become `const … = await`.
// Line numbers stay as they are. Text in strings, templates, comments and regular expressions is
// left alone.
'use strict';

const LOADER = "globalThis[Symbol.for('belljar.hooks')].import";
const TOKEN = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:\\[\s\S]|[^'\\\n])*'|"(?:\\[\s\S]|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`|(?<![\w$.])import\s*\(|(?<![\w$.])import(?![\w$]|\s*[.(])[^'"`;()]*?(?:from\s*)?(?:'[^'\n]+'|"[^"\n]+")(?:\s*with\s*\{[^{}]*\})?[^\S\n]*;?/g;
const STATIC = /^import\s*([\s\S]*?)\s*(?:from\s*)?('[^'\n]+'|"[^"\n]+")(?:\s*with\s*(\{[^{}]*\}))?\s*;?$/;

/** One static import as declarations, with as many line ends as it had. */
function staticImport(text) {
  const [, clause, specifier, attributes] = STATIC.exec(text);
  const load = `await ${LOADER}(${specifier}${attributes ? `, { with: ${attributes.replace(/\n/g, ' ')} }` : ''})`;
  const lines = '\n'.repeat(text.split('\n').length - 1);
  if (!clause) return `${load};${lines}`;
  const parts = [];
  const names = /\{([\s\S]*)\}/.exec(clause);
  const rest = clause.replace(/\{[\s\S]*\}/, '').split(',').map((part) => part.trim()).filter(Boolean);
  for (const part of rest) {
    const whole = /^\*\s*as\s+(\S+)$/.exec(part);
    parts.push(whole ? `${whole[1]} = ${load}` : `{ default: ${part} } = ${load}`);
  }
  if (names) parts.push(`{ ${names[1].replace(/\s+as\s+/g, ': ').replace(/\s*\n\s*/g, ' ')} } = ${load}`);
  return `const ${parts.join(', ')};${lines}`;
}

/** The cell's code with its imports rewritten. */
function rewriteImports(code) {
  if (!code.includes('import')) return code;
  return code.replace(TOKEN, (text) => {
    if (!text.startsWith('import')) return text;
    return /^import\s*\($/.test(text) ? `${LOADER}(` : staticImport(text);
  });
}

module.exports = { rewriteImports };
