//! Sightings in JavaScript: published ways around filters, ordinary programs, and code that is made to hurt parsers.

use super::look;
use crate::sighting::Seen;

const LEVELS: usize = 100_000;

/// What is seen, on a stack as large as the check gives.
fn seen(code: &str) -> Vec<Seen> {
    let code = code.to_owned();
    let looking = move || look(&code).into_iter().map(|sighting| sighting.seen).collect();
    std::thread::Builder::new().stack_size(64 << 20).spawn(looking).unwrap().join().unwrap()
}

fn words(code: &str) -> String {
    seen(code).iter().map(|seen| format!("{seen:?}").replace('"', "")).collect::<Vec<_>>().join(" ")
}

#[test]
fn names_are_followed() {
    let shell = "Import(child_process) Call(child_process.exec) Shell(Some(ls))";
    let table = [
        ("const cp = require('child_process'); cp.exec('ls')", shell),
        (
            "const {exec} = require('node:child_process'); exec('ls')",
            "Use(child_process.exec) Import(child_process) Call(child_process.exec) Shell(Some(ls))",
        ),
        ("import {exec as e} from 'child_process'; e('ls')", shell),
        ("import * as cp from 'child_process'; cp?.exec('ls')", shell),
        (
            "(await import('child_process')).exec('ls')",
            "Call(child_process.exec) Shell(Some(ls)) Import(child_process)",
        ),
        ("import cp = require('child_process'); cp.exec('ls')", shell),
        (
            "child_process.spawn('rm', ['-rf', 'a b'])",
            "Call(child_process.spawn) Shell(Some(rm -rf 'a b')) Import(child_process)",
        ),
        ("const a = require, b = a; b('v' + `m`)", "Use(require) Use(require) Import(vm)"),
        ("require(x)", "Unresolved(require(…)) Use(x)"),
        ("import(x)", "Unresolved(import(…)) Use(x)"),
        ("process.getBuiltinModule('fs').rmSync('a')", "Call(fs.rmSync) Import(fs)"),
        ("let f = console.log; f = eval; f(1)", "Use(console.log) Use(eval) Call(console.log) Call(eval)"),
        (
            "((f = eval) => f(x))()",
            "Use(eval) Call(eval) Unresolved(code in a text that is made when it runs) Use(x)",
        ),
        (
            "const eval2 = (0, eval); { const eval2 = Math.max; eval2(1); }",
            "Use(eval) Use(Math.max) Call(Math.max)",
        ),
        ("function f() { return g(); } function g() { return f() + f(); } f()()", ""),
        ("fs.writeFileSync('/etc/a', x)", "Call(fs.writeFileSync) Write(Some(/etc/a)) Import(fs) Use(x)"),
        (
            "fs.openSync('a', 'r'); fs.openSync('a', 'w')",
            "Call(fs.openSync) Import(fs) Call(fs.openSync) Write(Some(a))",
        ),
        ("fs.copyFileSync('a', 'b')", "Call(fs.copyFileSync) Write(Some(b)) Import(fs)"),
        ("fs.promises.appendFile(p)", "Call(fs.promises.appendFile) Write(None) Import(fs) Use(p)"),
        ("fs[x]", "Unresolved(fs[…]) Import(fs) Use(x)"),
        ("rows[x][y](z)", "Use(rows) Use(x) Use(y) Use(z)"),
        ("@eval class A {}", "Use(eval)"),
        ("let a: typeof eval; a as any as string", ""),
        ("vm.runInNewContext('eval(1)')", "Call(vm.runInNewContext) Import(vm) Call(eval)"),
    ];
    for (code, expected) in table {
        let mut found: Vec<String> = words(code).split(' ').map(str::to_owned).collect();
        let mut wanted: Vec<String> = expected.split(' ').map(str::to_owned).collect();
        found.sort();
        wanted.sort();
        assert_eq!(found, wanted, "{code}\n{}", words(code));
    }
}

#[test]
fn published_tricks_are_seen() {
    let table = [
        // Filters on the word `eval`.
        (r"\u0065val('process.exit()')", "Call(process.exit)"),
        (r"globalThis['\x65val']('process.exit()')", "Call(process.exit)"),
        ("globalThis['ev' + 'al']('process.exit()')", "Call(process.exit)"),
        ("globalThis[`ev${'al'}`]('process.exit()')", "Call(process.exit)"),
        ("globalThis[String.fromCharCode(101, 118, 97, 108)]('process.exit()')", "Call(process.exit)"),
        ("globalThis['lave'.split('').reverse().join('')]('process.exit()')", "Call(process.exit)"),
        ("globalThis[atob('ZXZhbA==')]('process.exit()')", "Call(process.exit)"),
        ("globalThis[unescape('%65val')]('process.exit()')", "Call(process.exit)"),
        ("(0, eval)('process.exit()')", "Call(process.exit)"),
        ("eval?.('process.exit()')", "Call(process.exit)"),
        ("eval.call(null, 'process.exit()')", "Call(process.exit)"),
        ("Reflect.apply(eval, null, ['process.exit()'])", "Call(process.exit)"),
        ("Reflect.get(globalThis, 'eval')('process.exit()')", "Call(process.exit)"),
        ("global.global.self.eval('process.exit()')", "Call(process.exit)"),
        ("this.eval('process.exit()')", "Call(process.exit)"),
        ("({ f: eval }).f('process.exit()')", "Call(process.exit)"),
        ("[eval][0]('process.exit()')", "Call(process.exit)"),
        ("[1].map(eval)", "Use(eval)"),
        ("setTimeout('process.exit()')", "Call(process.exit)"),
        ("eval('ev' + 'al(\"process.exit()\")')", "Call(process.exit)"),
        // Functions made from texts.
        ("Function('process.exit()')()", "Call(process.exit)"),
        ("new Function('a', 'process.exit()')()", "Call(process.exit)"),
        ("Function`process.exit()```", "Call(process.exit)"),
        ("[].constructor.constructor('process.exit()')()", "Call(process.exit)"),
        ("[]['flat']['constructor']('process.exit()')()", "Call(process.exit)"),
        ("(() => {}).constructor('process.exit()')()", "Call(process.exit)"),
        ("(async function () {}).constructor('process.exit()')()", "Call(process.exit)"),
        ("const o = {}; o.constructor.constructor('process.exit()')()", "Dunder(constructor.constructor)"),
        // Out of vm and vm2 by way of a value's constructor.
        (
            "this.constructor.constructor('return process')().mainModule.require('child_process')",
            "Call(Function)",
        ),
        (
            "const f = Object.getPrototypeOf(async () => {}).constructor; f('process.exit()')()",
            "Call(process.exit)",
        ),
        ("x.__proto__.__defineGetter__('y', () => 1)", "Dunder(x.__proto__)"),
        ("process.mainModule.require('child_process').execSync('id')", "Shell(Some(id))"),
        ("module.constructor._load('child_process').execSync('id')", "Shell(Some(id))"),
        ("module.createRequire('/')('child_process').execSync('id')", "Shell(Some(id))"),
        // JSFuck: everything from six characters.
        (
            "[][(![]+[])[+[]]+(![]+[])[!+[]+!+[]]+(![]+[])[+!+[]]+(!![]+[])[+[]]].constructor('eval(1)')()",
            "Call(eval)",
        ),
        ("[][x + y]", "Unresolved([][…])"),
        ("[][[]]+[]", "Nothing"),
        // What cannot be seen is said.
        ("eval(x)", "Unresolved(code in a text that is made when it runs)"),
        ("globalThis[x](1)", "Unresolved(globalThis[…])"),
        ("with (globalThis) f(1)", "Unresolved(with (…))"),
        ("const { [x]: f } = process; f()", "Unresolved(process[…])"),
        // A comment in a script, operators in a module.
        ("await 0; x <!-- /*\neval('1') // */", "Call(eval)"),
        ("%DebugPrint(1)", "Syntax"),
        ("}", "Syntax"),
    ];
    for (code, expected) in table {
        let found = words(code);
        assert!(
            found.contains(expected) || (expected == "Nothing" && !found.contains("Call")),
            "{code}\n{found}"
        );
    }
}

#[test]
fn ordinary_programs_are_without_noise() {
    let program = include_str!("ordinary.js");
    let noise: Vec<Seen> = seen(program)
        .into_iter()
        .filter(|seen| !matches!(seen, Seen::Import(_) | Seen::Call(_) | Seen::Use(_)))
        .collect();
    assert_eq!(noise, []);
}

#[test]
fn code_that_nests_ends_in_a_finding() {
    let around = |open: &str, close: &str| open.repeat(LEVELS) + "1" + &close.repeat(LEVELS);
    let before = |prefix: &str, inner: &str| prefix.repeat(LEVELS) + inner;
    let after = |inner: &str, suffix: &str| inner.to_owned() + &suffix.repeat(LEVELS);
    let table = [
        around("(", ")"),
        around("[", "]"),
        around("({a:", "})"),
        around("`${", "}`"),
        around("f(", ")"),
        around("a[", "]"),
        around("(a => ", ")"),
        around("(a = ", ")"),
        around("{", "}"),
        around("function f() {", "}"),
        around("class A { a = class {", "}}"),
        before("let [", "a"),
        before("a => ", "1"),
        before("async a => ", "1"),
        before("!", "1"),
        before("- ", "1"),
        before("typeof ", "1"),
        before("await ", "1"),
        before("new ", "a"),
        before("a ? b : ", "c"),
        before("a ? ", "b"),
        before("a = ", "1"),
        before("if (a) ", "b"),
        before("for (;;) ", "b"),
        before("while (a) ", "b"),
        before("do ", "b"),
        before("a: ", "b"),
        before("with (a) ", "b"),
        before("class A extends ", "B {}"),
        before("<A>", "b"),
        before("function f(a = ", "1"),
        after("a", " + a"),
        after("a", " ** a"),
        after("a", " ?? a"),
        after("a", ".b"),
        after("a", "?.b"),
        after("a", "()"),
        after("a", "[0]"),
        after("a", "``"),
        after("a", "!"),
        after("a", " as A"),
        after("if (a) b;", " else if (a) b;"),
        after("if (a) {}", " else if (a) {}"),
        after("let a: B", "[]"),
        "let a: ".to_owned() + &before("A<", "B"),
        "let a: ".to_owned() + &before("A<{}, ", "B"),
        "let a: ".to_owned() + &before("() => ", "B"),
        "type A = ".to_owned() + &before("keyof ", "B"),
        "type A = ".to_owned() + &before("B extends C ? D : ", "E"),
        "namespace ".to_owned() + &before("A.", "B {}"),
        "function* f() {".to_owned() + &before("yield ", "1}"),
    ];
    for code in table {
        let found = seen(&code);
        assert!(matches!(found[..], [Seen::TooDeep(_)]), "{} {:?}", &code[..40], found.first());
    }
}

#[test]
fn a_slash_that_hides_the_nesting_is_not_trusted() {
    // A pattern for the parser, a division and a text for the scan.
    let hidden = "x\n++/\"/.b;".to_owned() + &"(".repeat(LEVELS);
    assert!(matches!(seen(&hidden)[..], [Seen::TooDeep(_)]));
    let short = "x\n++/\"/.b;".to_owned() + &"(".repeat(3_900);
    assert!(matches!(seen(&short)[..], [Seen::Syntax(_)]));
}

#[test]
fn places_are_lines_and_characters() {
    for (code, line, column, end) in [
        ("é; eval(1)", 1, 4, 8),
        ("\n  'ß𝘦'; eval(1)", 2, 9, 13),
        ("await 1; eval(1)", 1, 10, 14),
        ("let a: string; eval(1)", 1, 16, 20),
    ] {
        let span = look(code).last().unwrap().span;
        assert_eq!((span.line, span.column, span.end_column), (line, column, end), "{code}");
    }
}
