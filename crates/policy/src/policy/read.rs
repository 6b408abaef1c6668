//! Reads a policy from TOML and says, where it cannot, in which line and what to write instead.

use super::{Effect, Names, PRESETS, Policy, Writes};
use serde::Deserialize;
use std::collections::BTreeMap;

/// More than this is never parsed, whatever a policy says. Bytes.
const CODE_BYTES_CEILING: usize = 16 << 20;

/// Why a policy cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read the policy {name}: line {line}{}: {message}", key.as_ref().map(|key| format!(", key `{key}`")).unwrap_or_default())]
pub struct PolicyError {
    /// The policy's name, as it was given.
    pub name: String,
    /// Counted from 1.
    pub line: usize,
    /// The key in that line, if it has one.
    pub key: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// What a file may say; what it leaves out stays as in the policy that it extends.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    extends: Option<toml::Spanned<String>>,
    code_bytes_max: Option<toml::Spanned<usize>>,
    forbidden: Option<Effect>,
    unresolved: Option<Effect>,
    syntax: Option<Effect>,
    unknown: Option<Effect>,
    shell: Option<Effect>,
    dunder: Option<Effect>,
    #[serde(default)]
    imports: Names,
    #[serde(default)]
    calls: Names,
    #[serde(default)]
    attributes: Names,
    #[serde(default)]
    commands: Names,
    #[serde(default)]
    writes: Writes,
    #[serde(default)]
    advice: BTreeMap<String, String>,
}

pub(super) fn read(name: &str, text: &str) -> Result<Policy, PolicyError> {
    let said = parse(name, text)?;
    let base = match &said.extends {
        None => Policy::default(),
        Some(extends) => Policy::preset(extends.get_ref()).ok_or_else(|| {
            let message = format!("there is no policy {:?} to extend", extends.get_ref());
            wrong(name, text, extends.span().start, message, &format!("write one of {}", PRESETS.join(", ")))
        })?,
    };
    let mut policy = apply(base, said, name, text)?;
    policy.name = name.to_owned();
    Ok(policy)
}

pub(super) fn onto(base: Policy, text: &str) -> Result<Policy, PolicyError> {
    let name = base.name.clone();
    apply(base, parse(&name, text)?, &name, text)
}

fn parse(name: &str, text: &str) -> Result<Said, PolicyError> {
    toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let hint = "`belljar policy show strict` prints a policy that has every key";
        wrong(name, text, start, error.message().to_owned(), hint)
    })
}

fn apply(mut policy: Policy, said: Said, name: &str, text: &str) -> Result<Policy, PolicyError> {
    check_names(&said, name, text)?;
    if let Some(bytes) = said.code_bytes_max {
        if *bytes.get_ref() == 0 || *bytes.get_ref() > CODE_BYTES_CEILING {
            let message =
                format!("{} is not a number of bytes from 1 to {CODE_BYTES_CEILING}", bytes.get_ref());
            return Err(wrong(name, text, bytes.span().start, message, "1048576 is usual"));
        }
        policy.code_bytes_max = *bytes.get_ref();
    }
    let effects = [
        (&mut policy.forbidden, said.forbidden),
        (&mut policy.unresolved, said.unresolved),
        (&mut policy.syntax, said.syntax),
        (&mut policy.unknown, said.unknown),
        (&mut policy.shell, said.shell),
        (&mut policy.dunder, said.dunder),
    ];
    for (effect, said) in effects {
        *effect = said.unwrap_or(*effect);
    }
    let forbids = [&said.imports, &said.calls, &said.attributes, &said.commands]
        .iter()
        .any(|names| names.allow.is_some() || !names.deny.is_empty())
        || said.writes.folders.is_some();
    // A list that forbids something and does nothing would be a trap.
    if said.forbidden.is_none() && policy.forbidden == Effect::Ignore && forbids {
        policy.forbidden = Effect::Deny;
    }
    policy.imports.extend(said.imports);
    policy.calls.extend(said.calls);
    policy.attributes.extend(said.attributes);
    policy.commands.extend(said.commands);
    if said.writes.folders.is_some() {
        policy.writes = said.writes;
    }
    policy.advice.extend(said.advice);
    Ok(policy)
}

fn check_names(said: &Said, name: &str, text: &str) -> Result<(), PolicyError> {
    let lists = [&said.imports, &said.calls, &said.attributes, &said.commands];
    let names = lists.into_iter().flat_map(|names| names.allow.iter().flatten().chain(&names.deny));
    for listed in names {
        let hint = "a name covers what is below it: write \"os\" for os, os.path and os.system";
        if listed.is_empty() || listed.contains(['*', ' ', '(']) {
            let message = format!("{listed:?} is not a name");
            return Err(wrong(name, text, find(text, listed), message, hint));
        }
    }
    for folder in said.writes.folders.iter().flatten() {
        if !folder.starts_with('/') {
            let message = format!("the folder {folder:?} is not an absolute path");
            return Err(wrong(name, text, find(text, folder), message, "write for example \"/workspace\""));
        }
    }
    Ok(())
}

/// Where a string that was read stands in the text; the beginning where it is escaped.
fn find(text: &str, string: &str) -> usize {
    text.find(&format!("\"{string}\"")).unwrap_or(0)
}

fn wrong(name: &str, text: &str, start: usize, message: String, hint: &str) -> PolicyError {
    let before = text.get(..start).unwrap_or_default();
    let row = before.rfind('\n').map_or(0, |at| at + 1);
    let line = text[row..].lines().next().unwrap_or_default();
    let key = line.split_once('=').map(|(key, _)| key.trim().to_owned());
    PolicyError {
        name: name.to_owned(),
        line: before.matches('\n').count() + 1,
        key: key.filter(|key| !key.starts_with('#')),
        message: message.trim().to_owned(),
        hint: hint.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_read_back_from_what_they_print() {
        for name in PRESETS {
            let policy = Policy::preset(name).unwrap();
            assert_eq!(Policy::from_toml(name, &policy.to_toml()).unwrap(), policy, "{name}");
        }
        assert_eq!(Policy::preset("lax"), None);
        assert_eq!(Policy::default().name(), "standard");
    }

    #[test]
    fn a_file_says_only_what_differs() {
        let text = "extends = \"strict\"\n[imports]\nallow = [\"os\"]\ndeny = [\"pandas\"]\n";
        let policy = Policy::from_toml("mine", text).unwrap();
        assert!(!policy.imports.denies("os.path") && policy.imports.denies("pandas.io"));
        assert!(!policy.imports.denies("numpy") && policy.imports.denies("subprocess"));
        let lenient = Policy::from_toml("mine", "[calls]\ndeny = [\"eval\"]\n").unwrap();
        assert_eq!(lenient.forbidden, Effect::Deny);
        let advised =
            Policy::from_toml("mine", "forbidden = \"advise\"\n[calls]\ndeny = [\"eval\"]\n").unwrap();
        assert_eq!(advised.forbidden, Effect::Advise);
    }

    #[test]
    fn errors_name_line_and_key_and_say_what_to_do() {
        let cases = [
            ("code_bytes_max = 0", 1, Some("code_bytes_max"), "0 is not a number of bytes", "1048576"),
            ("\nextends = \"lax\"", 2, Some("extends"), "no policy \"lax\"", "open, standard, strict"),
            ("[imports]\nalow = []", 2, Some("alow"), "unknown field `alow`", "policy show"),
            ("shell = \"maybe\"", 1, Some("shell"), "unknown variant `maybe`", "policy show"),
            ("[imports]\nallow = [\"os.*\"]", 2, Some("allow"), "\"os.*\" is not a name", "covers"),
            ("[writes]\nfolders = [\"here\"]", 2, Some("folders"), "not an absolute path", "/workspace"),
            ("imports = 3", 1, Some("imports"), "invalid type", "policy show"),
        ];
        for (text, line, key, message, hint) in cases {
            let error = Policy::from_toml("mine", text).expect_err(text);
            assert_eq!((error.line, error.key.as_deref()), (line, key), "{text}: {error}");
            assert!(
                error.message.contains(message) && error.hint.contains(hint),
                "{text}: {error} {}",
                error.hint
            );
        }
        let error = Policy::from_toml("mine", "[imports]\nalow = []").unwrap_err().to_string();
        assert!(error.starts_with("read the policy mine: line 2, key `alow`: unknown field"), "{error}");
    }
}
