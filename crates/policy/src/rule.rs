//! The rules: a stable id for each, and what a person should know about it.

use serde::Serialize;

/// One reason for a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// Stable, in kebab case.
    pub id: &'static str,
    /// What it is about.
    #[serde(flatten)]
    pub explanation: Explanation,
}

/// What a person should know about a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// One line.
    pub title: &'static str,
    /// What is found.
    pub what: &'static str,
    /// Why it may matter.
    pub why: &'static str,
    /// Code in which it is found.
    pub example: &'static str,
    /// What to do about it.
    pub instead: &'static str,
}

/// What is known about a rule; `None` where there is no such rule.
pub fn explain(rule: &str) -> Option<Explanation> {
    RULES.iter().find(|known| known.id == rule).map(|known| known.explanation)
}

/// All rules.
pub fn rules() -> &'static [Rule] {
    RULES
}

pub(crate) const SYNTAX: &str = "syntax";
pub(crate) const CODE_TOO_LONG: &str = "code-too-long";
pub(crate) const TOO_DEEP: &str = "too-deep";
pub(crate) const IMPORT: &str = "import-not-allowed";
pub(crate) const CALL: &str = "call-denied";
pub(crate) const ATTRIBUTE: &str = "attribute-denied";
pub(crate) const DUNDER: &str = "dunder-chain";
pub(crate) const WRITE: &str = "write-outside-workspace";
pub(crate) const SHELL: &str = "shell-denied";
pub(crate) const COMMAND: &str = "command-denied";
pub(crate) const UNRESOLVED: &str = "unresolved-name";
pub(crate) const UNKNOWN: &str = "unknown-construct";
pub(crate) const NOT_CHECKED: &str = "language-not-checked";
pub(crate) const MAY_FAIL: &str = "may-fail-here";
pub(crate) const CHECK_FAILED: &str = "check-failed";
pub(crate) const MORE: &str = "more-findings";

const fn rule(id: &'static str, title: &'static str, texts: [&'static str; 4]) -> Rule {
    let [what, why, example, instead] = texts;
    Rule { id, explanation: Explanation { title, what, why, example, instead } }
}

const RULES: &[Rule] = &[
    rule(
        SYNTAX,
        "the code does not parse",
        [
            "A place where the parser cannot go on.",
            "What does not parse is not checked. The language itself has the last word, so this denies only where a \
         policy says `syntax = \"deny\"`.",
            "print('hello'",
            "Correct the code in the line that is named.",
        ],
    ),
    rule(
        CODE_TOO_LONG,
        "the code is longer than the policy allows",
        [
            "More bytes of code than `code_bytes_max`; or more than 1 MiB, which is not looked through.",
            "A check takes time that grows with the code. What is not looked through is denied where a policy says \
         `unresolved = \"deny\"`.",
            "data = [1, 2, 3, ... a megabyte of numbers ...]",
            "Put data into a file in /workspace and read it; split long code into several cells.",
        ],
    ),
    rule(
        TOO_DEEP,
        "the code is nested or chained too deeply",
        [
            "More than 200 open brackets, 100 levels of indentation, or thousands of chained operators.",
            "Parsers recurse: such code could bring one down, so it is not looked through, and denied where a policy says \
         `unresolved = \"deny\"`. Python refuses most of it too.",
            "((((((((((((((((((((((((((((((((((...))))))))))))))))))))))))))))))))))",
            "Use a loop, a list and sum() or join(), or names for the parts.",
        ],
    ),
    rule(
        IMPORT,
        "a module that the policy does not allow",
        [
            "An import, in any form: a statement, `__import__`, importlib, or through another module's attribute.",
            "The policy names the modules that the code may use.",
            "import numpy as np\nnp.f2py.os.system('ls')",
            "Use the modules that the hint names, or allow the module: `[imports] allow = [\"os\"]`.",
        ],
    ),
    rule(
        CALL,
        "a function that the policy denies",
        [
            "A call of a denied function under any of its names, or the function handed on: an alias, a callback, a \
         decorator.",
            "Such functions run code that cannot be checked, or do what the policy is there to prevent.",
            "f = eval\nf('1 + 1')",
            "Write the code itself instead of a string; or allow the call: `[calls] allow = [\"eval\"]`.",
        ],
    ),
    rule(
        ATTRIBUTE,
        "an attribute that the policy denies",
        [
            "An attribute by its name, whatever it is an attribute of.",
            "Attributes such as f_globals lead from a harmless object to everything in the interpreter.",
            "(x for x in []).gi_frame.f_builtins",
            "Do without; or allow it: `[attributes] allow = [\"gi_frame\"]`.",
        ],
    ),
    rule(
        DUNDER,
        "an attribute with two underscores on both sides",
        [
            "Attributes such as __class__, __globals__ or __subclasses__, and chains of them.",
            "They lead from any object to the interpreter's own modules.",
            "().__class__.__base__.__subclasses__()",
            "Use type(x), isinstance(x, Y) or dataclasses; or allow it: `[attributes] allow = [\"__class__\"]`.",
        ],
    ),
    rule(
        WRITE,
        "a file outside the folders for writing",
        [
            "A file that is opened for writing, by a path that is written in the code.",
            "Only what is in the workspace is kept and handed back.",
            "open('/etc/motd', 'w')",
            "Write below /workspace, or with a relative path.",
        ],
    ),
    rule(
        SHELL,
        "a command line that a shell runs",
        [
            "`!command`, `%%bash`, os.system and their relatives.",
            "A shell can do all that the policy denies in the language itself.",
            "!ls /etc",
            "Do it in Python; or let shells run: `shell = \"ignore\"`.",
        ],
    ),
    rule(
        COMMAND,
        "a command that the policy does not allow",
        [
            "A command of Bash, by its name.",
            "The policy names the commands that the code may use.",
            "python3 -c 'print(1)'",
            "Use the commands that the hint names; or allow it: `[commands] allow = [\"python3\"]`.",
        ],
    ),
    rule(
        UNRESOLVED,
        "a name or code that is computed when it runs",
        [
            "getattr with a name from a variable, an import of a computed name, code in a computed string, a module that \
         is handed on.",
            "The check cannot say what runs. It never guesses.",
            "getattr(module, input())()",
            "Write the name itself: module.name instead of getattr(module, name).",
        ],
    ),
    rule(
        UNKNOWN,
        "something that the check does not know",
        [
            "A magic or a construct of the language for which there is no rule.",
            "A strict policy denies what it does not know.",
            "%run other.py",
            "Write it in plain code.",
        ],
    ),
    rule(
        NOT_CHECKED,
        "a language that the check cannot read",
        [
            "Code in R: there is no parser for it.",
            "What is not read is denied by every policy that denies anything at all.",
            "file.remove(\"data.csv\")",
            "Write it in Python, JavaScript, TypeScript or Bash; or use a policy that denies nothing, such as standard.",
        ],
    ),
    rule(
        MAY_FAIL,
        "this will probably not work in a sandbox",
        [
            "A module, call or command that a policy's [advice] names.",
            "It spares an attempt. The code runs all the same.",
            "import requests",
            "What the hint says.",
        ],
    ),
    rule(
        CHECK_FAILED,
        "the check itself failed",
        [
            "A parser broke down on this code: an error of ours.",
            "What is not checked is denied where a policy denies what it does not know.",
            "(none is known)",
            "Write the code more simply, and report it please.",
        ],
    ),
    rule(
        MORE,
        "there are more findings than are listed",
        [
            "The number of findings that were left out.",
            "A list of hundreds helps nobody.",
            "eval('1'); eval('2'); ...",
            "Correct those that are listed, then check again.",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_explained_once() {
        let mut ids: Vec<&str> = rules().iter().map(|rule| rule.id).collect();
        ids.sort_unstable();
        let all = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), all);
        for rule in rules() {
            assert!(rule.id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{}", rule.id);
            assert_eq!(explain(rule.id), Some(rule.explanation));
        }
        assert_eq!(explain("none-such"), None);
    }
}
