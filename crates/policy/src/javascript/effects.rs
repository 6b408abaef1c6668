//! What calls of known functions do beyond being calls: import a module, run code from a text, start a program, write
//! a file.

use super::names::{canonical, module_name};
use super::seeing::{Inner, Seeing};
use super::value::Value;
use crate::sighting::Seen;
use oxc_ast::ast::{Argument, ArrayExpressionElement};
use oxc_span::Span;
use std::rc::Rc;

/// Functions of `child_process` that take a command line, and those that take a program and its arguments.
const COMMAND_LINES: [&str; 2] = ["exec", "execSync"];
const PROGRAMS: [&str; 4] = ["execFile", "execFileSync", "spawn", "spawnSync"];
/// Functions of `fs` that write to their first argument, and to their second.
const WRITES_FIRST: [&str; 7] = [
    "appendFile",
    "appendFileSync",
    "createWriteStream",
    "truncate",
    "truncateSync",
    "writeFile",
    "writeFileSync",
];
const WRITES_SECOND: [&str; 10] = [
    "copyFile",
    "copyFileSync",
    "cp",
    "cpSync",
    "link",
    "linkSync",
    "rename",
    "renameSync",
    "symlink",
    "symlinkSync",
];

/// Tells what a call of a name does.
pub(super) fn called<'a>(seeing: &mut Seeing<'a>, name: &str, arguments: &'a [Argument<'a>], span: Span) {
    if let Some((function, how)) = name.rsplit_once('.')
        && matches!(how, "call" | "apply")
        && function != "Reflect"
    {
        return forwarded(seeing, function, how, arguments, span);
    }
    match name {
        "require" => imported(seeing, arguments, span),
        "eval" => run(seeing, arguments, 0, false, span),
        "Function" => function(seeing, arguments, span),
        "setTimeout" | "setInterval" | "setImmediate" => {
            if let Some(Value::Text(code)) = seeing.argument(arguments, 0) {
                seeing.inner.push(Inner { code, span, body: false });
            }
        }
        "vm.runInThisContext" | "vm.runInNewContext" | "vm.runInContext" | "vm.Script" => {
            run(seeing, arguments, 0, false, span);
        }
        "vm.compileFunction" => run(seeing, arguments, 0, true, span),
        "Reflect.apply" | "Reflect.construct" => reflected(seeing, name, arguments, span),
        "Reflect.get" => hidden_key(seeing, arguments, span),
        _ => {
            if let Some(function) = name.strip_prefix("child_process.") {
                started(seeing, function, arguments, span);
            } else if let Some(function) =
                name.strip_prefix("fs.promises.").or_else(|| name.strip_prefix("fs/promises."))
            {
                written(seeing, function, arguments, span);
            } else if let Some(function) = name.strip_prefix("fs.") {
                written(seeing, function, arguments, span);
            }
        }
    }
}

/// `f.call(this, …)` and `f.apply(this, […])` are calls of `f`.
fn forwarded<'a>(
    seeing: &mut Seeing<'a>,
    function: &str,
    how: &str,
    arguments: &'a [Argument<'a>],
    span: Span,
) {
    let function = canonical(function);
    if function != "require" {
        seeing.tell(Seen::Call(function.to_owned()), span);
    }
    if how == "call" {
        called(seeing, function, arguments.get(1..).unwrap_or_default(), span);
    } else {
        applied(seeing, function, arguments, 1, span);
    }
}

/// A call whose arguments are a list.
fn applied<'a>(
    seeing: &mut Seeing<'a>,
    function: &str,
    arguments: &'a [Argument<'a>],
    index: usize,
    span: Span,
) {
    let list = seeing.argument(arguments, index);
    let only = match list {
        Some(Value::Array(array)) if array.elements.len() == 1 => {
            array.elements[0].as_expression().map(|only| seeing.folder.fold(only))
        }
        _ => None,
    };
    match (function, only) {
        ("eval" | "Function" | "vm.runInThisContext", Some(Value::Text(code))) => {
            seeing.inner.push(Inner { code, span, body: function == "Function" });
        }
        ("require", Some(Value::Text(module))) => seeing.import(&module, span),
        ("eval" | "Function" | "require", _) => seeing.unresolved(&format!("{function}(…)"), span),
        (function, _) => called(seeing, function, &[], span),
    }
}

fn reflected<'a>(seeing: &mut Seeing<'a>, how: &str, arguments: &'a [Argument<'a>], span: Span) {
    let Some(value) = seeing.argument(arguments, 0) else { return };
    let mut names = Vec::new();
    value.each(&mut |value| {
        if let Value::Name(name) = value {
            names.push(name.clone());
        }
    });
    for name in names {
        if &*name != "require" {
            seeing.tell(Seen::Call(name.to_string()), span);
        }
        applied(seeing, &name, arguments, if how == "Reflect.apply" { 2 } else { 1 }, span);
    }
}

fn hidden_key<'a>(seeing: &mut Seeing<'a>, arguments: &'a [Argument<'a>], span: Span) {
    let object = seeing.argument(arguments, 0);
    let known = seeing.argument(arguments, 1).is_some_and(|key| key.to_text().is_some());
    if !known && matches!(object, Some(Value::Global | Value::Name(_))) {
        seeing.unresolved("Reflect.get(…)", span);
    }
}

fn imported<'a>(seeing: &mut Seeing<'a>, arguments: &'a [Argument<'a>], span: Span) {
    match seeing.argument(arguments, 0).map(|module| module.to_text()) {
        Some(Some(module)) => seeing.import(module_name(&module), span),
        _ => seeing.unresolved("require(…)", span),
    }
}

/// Runs the text at an index.
fn run<'a>(seeing: &mut Seeing<'a>, arguments: &'a [Argument<'a>], index: usize, body: bool, span: Span) {
    if arguments.len() <= index {
        return;
    }
    match seeing.argument(arguments, index) {
        Some(Value::Text(code)) => seeing.inner.push(Inner { code, span, body }),
        Some(Value::Number(_) | Value::Bool(_) | Value::Undefined | Value::Null) => {}
        _ => seeing.unresolved("code in a text that is made when it runs", span),
    }
}

/// `Function("a", "b", "return a + b")`: the last text is the body.
fn function<'a>(seeing: &mut Seeing<'a>, arguments: &'a [Argument<'a>], span: Span) {
    if let Some(last) = arguments.len().checked_sub(1) {
        run(seeing, arguments, last, true, span);
    }
}

/// A call of `x.constructor` where `x` is unknown: with a text it may make a function.
pub(super) fn constructed<'a>(seeing: &mut Seeing<'a>, arguments: &'a [Argument<'a>], span: Span) {
    match arguments.len().checked_sub(1).and_then(|last| seeing.argument(arguments, last)) {
        Some(Value::Text(code)) => {
            seeing.tell(Seen::Attribute("constructor".to_owned()), span);
            seeing.inner.push(Inner { code, span, body: true });
        }
        Some(Value::Unknown | Value::Hidden) => seeing.unresolved("constructor(…)", span),
        _ => {}
    }
}

/// A function that is called with a template.
pub(super) fn tagged<'a>(seeing: &mut Seeing<'a>, tag: &Value<'a>, text: Option<&str>, span: Span) {
    let Value::Name(name) = tag else { return };
    match (&**name, text) {
        ("Function", Some(code)) => seeing.inner.push(Inner { code: Rc::from(code), span, body: true }),
        ("Function", None) => seeing.unresolved("code in a text that is made when it runs", span),
        ("require", Some(module)) => seeing.import(module, span),
        _ => {}
    }
}

/// Programs that are started.
fn started<'a>(seeing: &mut Seeing<'a>, function: &str, arguments: &'a [Argument<'a>], span: Span) {
    if !COMMAND_LINES.contains(&function) && !PROGRAMS.contains(&function) {
        return;
    }
    let mut line =
        seeing.argument(arguments, 0).and_then(|command| command.to_text()).map(|text| text.to_string());
    if PROGRAMS.contains(&function)
        && let Some(Value::Array(array)) = seeing.argument(arguments, 1)
    {
        for element in &array.elements {
            let word = match element {
                ArrayExpressionElement::SpreadElement(_) | ArrayExpressionElement::Elision(_) => None,
                element => element.as_expression().and_then(|word| seeing.folder.fold(word).to_text()),
            };
            line = line.zip(word).map(|(line, word)| format!("{line} {}", quoted(&word)));
        }
    }
    seeing.tell(Seen::Shell(line), span);
}

/// A word as a shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./=:,+@%".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Files that are written.
fn written<'a>(seeing: &mut Seeing<'a>, function: &str, arguments: &'a [Argument<'a>], span: Span) {
    let index = match function {
        "open" | "openSync" if writes(seeing, arguments) => 0,
        _ if WRITES_FIRST.contains(&function) => 0,
        _ if WRITES_SECOND.contains(&function) => 1,
        _ => return,
    };
    let path = seeing.argument(arguments, index).and_then(|path| match path {
        Value::Text(path) => Some(path.to_string()),
        _ => None,
    });
    seeing.tell(Seen::Write(path), span);
}

/// Whether the flags of `open` are for writing; flags that are not known may be.
fn writes<'a>(seeing: &mut Seeing<'a>, arguments: &'a [Argument<'a>]) -> bool {
    match seeing.argument(arguments, 1) {
        Some(Value::Text(flags)) => flags.contains(['w', 'a', '+']),
        Some(Value::Number(flags)) => flags != 0.0,
        Some(Value::Arrow(_) | Value::Function(_)) | None => false,
        Some(_) => true,
    }
}
