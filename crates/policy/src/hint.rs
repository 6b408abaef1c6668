//! What a model is told to do instead.

use crate::policy::Policy;
use protocol::Language;

/// A hint lists at most so many characters of names.
const NAMES_CHARS_MAX: usize = 600;

/// What to use instead of a module.
pub(crate) fn for_import(policy: &Policy, language: Language, name: &str) -> String {
    let root = name.trim_start_matches("node:").split(['.', '/']).next().unwrap_or(name);
    let instead = match root {
        "os" | "shutil" | "pathlib" | "glob" | "tempfile" => {
            "open() reads files, and writes them in /workspace; "
        }
        "subprocess" | "pty" | "child_process" => "do it in the language itself; ",
        "requests" | "urllib" | "http" | "socket" | "httpx" | "aiohttp" | "https" | "net" => {
            "there is no network: work on files in /workspace; "
        }
        "pickle" | "marshal" | "shelve" | "joblib" | "dill" => "store data as JSON, CSV or Parquet; ",
        _ => "",
    };
    let names = policy.imports.allow.iter().flatten();
    let mine = names.filter(|name| name.starts_with("node:") == language.is_on_node());
    match listed(mine.map(String::as_str)) {
        None => format!("{instead}do without it"),
        Some(names) => format!("{instead}allowed are: {names}"),
    }
}

/// What to do instead of a call.
pub(crate) fn for_call(name: &str) -> String {
    match name {
        "eval" | "exec" | "compile" | "Function" => "write the code itself instead of a string of it",
        "pandas.eval" => "write the expression itself, such as df[\"a\"] + df[\"b\"]",
        "__import__" => "use an import statement",
        "globals" | "locals" | "vars" => "use a dict of your own for values by name",
        "exit" | "quit" => "let the code come to its end; raise an exception where it cannot go on",
        "input" => "nobody types here: put the value into the code",
        "breakpoint" => "print what you want to see",
        "pandas.read_pickle" | "pickle.load" => "use CSV or Parquet: a pickle can run any code",
        _ => "do without it",
    }
    .to_owned()
}

/// What to use instead of a command.
pub(crate) fn for_command(policy: &Policy) -> Option<String> {
    let names = policy.commands.allow.as_ref()?;
    Some(format!("allowed are: {}", listed(names.iter().map(String::as_str))?))
}

/// What to use instead of a shell.
pub(crate) fn for_shell(language: Language) -> String {
    format!("do it in {language} itself")
}

/// The beginning of a text that somebody else wrote.
pub(crate) fn short(text: &str) -> String {
    let mut chars = text.trim().chars();
    let mut short: String = chars.by_ref().take(60).collect();
    if chars.next().is_some() {
        short.push('…');
    }
    short
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut list = String::new();
    for name in names {
        if list.len() + name.len() > NAMES_CHARS_MAX {
            return Some(list + " and more");
        }
        if !list.is_empty() {
            list.push_str(", ");
        }
        list.push_str(name);
    }
    (!list.is_empty()).then_some(list)
}
