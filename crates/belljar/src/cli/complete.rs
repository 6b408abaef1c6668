//! Whether lines make a whole cell, told by brackets, strings, blocks and line ends.
//!
//! A guess without a parser: a wrong one costs a line more to type, or a syntax error.

use protocol::Language;

/// Ends of lines of R after which an operand must follow.
const R_GOES_ON: [&str; 13] = ["+", "-", "*", "/", "^", "~", "%", "=", "<-", "|", "&", "|>", "else"];

/// What may follow the lines so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Something is open: more must follow.
    Open,
    /// An indented block: more may follow.
    Block,
    /// The cell is whole.
    Whole,
}

/// Looks at the lines of a cell.
pub fn state(code: &str, language: Language) -> State {
    let scan = Scan::of(code, language);
    let last = scan.last_line.trim_end();
    if scan.open || last.ends_with('\\') && !scan.comment_last {
        return State::Open;
    }
    match language {
        Language::Python => python(code, last),
        Language::Bash if bash_open(&scan.bare) => State::Open,
        Language::R if R_GOES_ON.iter().any(|end| last.ends_with(end)) => State::Open,
        _ => State::Whole,
    }
}

/// Whether a line that follows a block still belongs to it.
pub fn continues_block(line: &str) -> bool {
    let indented = line.starts_with([' ', '\t']);
    let word: String = line.chars().take_while(|c| c.is_alphanumeric()).collect();
    indented
        || line.starts_with([')', ']', '}'])
        || matches!(word.as_str(), "else" | "elif" | "except" | "finally")
}

fn python(code: &str, last: &str) -> State {
    let opens = last.ends_with(':') || last.starts_with('@');
    if opens {
        return State::Open;
    }
    let line = code.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
    let block = line.starts_with([' ', '\t']) || code.starts_with("%%");
    if block { State::Block } else { State::Whole }
}

/// Counts what opens and closes in Bash, in code without strings and comments.
fn bash_open(bare: &str) -> bool {
    let mut depth = 0i32;
    let mut first = true;
    for word in bare.split_inclusive([' ', '\t', '\n', ';', '&', '|', '(', ')']) {
        let ends = word.ends_with([';', '\n', '&', '|', '(', ')']);
        let word = word.trim_end_matches([' ', '\t', '\n', ';', '&', '|', '(', ')']);
        if first {
            match word {
                "if" | "case" | "for" | "while" | "until" | "select" | "{" => depth += 1,
                "fi" | "esac" | "done" | "}" => depth -= 1,
                _ => {}
            }
        } else if word == "{" {
            depth += 1;
        }
        if !word.is_empty() || ends {
            first = ends || matches!(word, "then" | "do" | "else" | "elif" | "!" | "time" | "{");
        }
    }
    let line = bare.trim_end();
    depth > 0 || line.ends_with('|') || line.ends_with("&&")
}

/// Code without the insides of strings and without comments.
#[derive(Debug, Default)]
struct Scan {
    open: bool,
    comment_last: bool,
    last_line: String,
    bare: String,
}

impl Scan {
    fn of(code: &str, language: Language) -> Scan {
        let mut scan = Scan::default();
        let mut depth = 0i32;
        let mut rest = code;
        let mut previous = '\n';
        while let Some(c) = rest.chars().next() {
            if let Some(length) = comment(rest, previous, language) {
                scan.comment_last = length >= rest.trim_end_matches('\n').len();
                if language.is_on_node() && rest.starts_with("/*") && !rest[..length].ends_with("*/") {
                    scan.open = true;
                }
                rest = &rest[length..];
                continue;
            }
            if let Some(quote) = quote(rest, language) {
                let (length, closed) = string(rest, quote, language);
                scan.open |= !closed;
                scan.bare.push_str("''");
                rest = &rest[length..];
                previous = '\'';
                continue;
            }
            match c {
                '(' | '[' | '{' if language != Language::Bash => depth += 1,
                ')' | ']' | '}' if language != Language::Bash => depth -= 1,
                _ => {}
            }
            scan.bare.push(c);
            previous = c;
            let skip = if c == '\\' { rest.chars().nth(1) } else { None };
            scan.bare.extend(skip);
            rest = &rest[c.len_utf8() + skip.map_or(0, char::len_utf8)..];
        }
        scan.open |= depth > 0;
        scan.last_line = scan.bare.lines().last().unwrap_or_default().to_owned();
        scan
    }
}

/// Bytes of the comment that begins here.
fn comment(rest: &str, previous: char, language: Language) -> Option<usize> {
    let to_line_end = rest.find('\n').unwrap_or(rest.len());
    match language {
        Language::Python | Language::R if rest.starts_with('#') => Some(to_line_end),
        Language::Bash if rest.starts_with('#') && (previous.is_whitespace() || previous == ';') => {
            Some(to_line_end)
        }
        _ if language.is_on_node() && rest.starts_with("//") => Some(to_line_end),
        _ if language.is_on_node() && rest.starts_with("/*") => {
            Some(rest.find("*/").map_or(rest.len(), |at| at + 2))
        }
        _ => None,
    }
}

fn quote(rest: &str, language: Language) -> Option<&str> {
    let triple = language == Language::Python && (rest.starts_with("\"\"\"") || rest.starts_with("'''"));
    let single = rest.starts_with(['"', '\''])
        || (language.is_on_node() || language == Language::R) && rest.starts_with('`');
    match (triple, single) {
        (true, _) => Some(&rest[..3]),
        (_, true) => Some(&rest[..1]),
        _ => None,
    }
}

/// Bytes of the string that begins here, and whether it ends as well. A short string ends with its line.
fn string(rest: &str, quote: &str, language: Language) -> (usize, bool) {
    let lines = quote.len() == 3 || quote == "`" || matches!(language, Language::Bash | Language::R);
    let escapes = !(language == Language::Bash && quote == "'");
    let mut at = quote.len();
    while let Some(c) = rest[at..].chars().next() {
        if rest[at..].starts_with(quote) {
            return (at + quote.len(), true);
        }
        if c == '\n' && !lines {
            return (at, true);
        }
        at += c.len_utf8();
        if c == '\\' && escapes {
            match rest[at..].chars().next() {
                Some(next) => at += next.len_utf8(),
                None => return (at, false),
            }
        }
    }
    (at, !lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells() {
        use Language::{Bash, Javascript, Python, R};
        use State::{Block, Open, Whole};
        let cases = [
            (Python, "x = 1", Whole),
            (Python, "f(1,", Open),
            (Python, "f(')')", Whole),
            (Python, "def f():", Open),
            (Python, "def f(): # why", Open),
            (Python, "x = 1 # why:", Whole),
            (Python, "def f():\n    return 1", Block),
            (Python, "def f():\n    return 1\n", Block),
            (Python, "@cache", Open),
            (Python, "s = '''a", Open),
            (Python, "s = '''a\n'''", Whole),
            (Python, "s = 'a", Whole),
            (Python, "x = 1 + \\", Open),
            (Python, "x = {'a': [1,\n2]}", Whole),
            (Python, "s = \"it's\"", Whole),
            (Python, "s = 'a\\'", Whole),
            (Python, "%%bash\necho", Block),
            (Python, "", Whole),
            (Javascript, "function f() {", Open),
            (Javascript, "f(`a", Open),
            (Javascript, "let x = '{' // {", Whole),
            (Javascript, "/* {", Open),
            (R, "f <- function(x) {", Open),
            (R, "x |>", Open),
            (R, "'a\n", Open),
            (R, "x <- 1 # {", Whole),
            (Bash, "for i in 1 2; do", Open),
            (Bash, "for i in 1 2; do echo $i; done", Whole),
            (Bash, "if true; then", Open),
            (Bash, "echo if", Whole),
            (Bash, "echo 'if", Open),
            (Bash, "f() {", Open),
            (Bash, "f() { echo 1; }", Whole),
            (Bash, "case x in\n a) echo;;\nesac", Whole),
            (Bash, "ls |", Open),
            (Bash, "echo \\", Open),
            (Bash, "while read x; do if true; then echo; fi; done", Whole),
        ];
        for (language, code, expected) in cases {
            assert_eq!(state(code, language), expected, "{language}: {code:?}");
        }
    }
}
