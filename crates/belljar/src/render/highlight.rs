//! Code in colours: keywords, strings, numbers and comments of every language, found by a scan of characters.
//!
//! It is for eyes only: what it mistakes has the wrong colour, nothing else.

use super::terminal::{CYAN, FAINT, GREEN, Look, harmless};
use protocol::Language;

const MAGENTA: &str = "35";
const BLUE: &str = "34";

/// What a scan must know of a language.
struct Grammar {
    keywords: &'static [&'static str],
    comment: &'static str,
    /// Comments from `/*` to `*/`.
    blocks: bool,
    /// What opens and closes a string, the longest first, and whether it may span lines.
    quotes: &'static [(&'static str, bool)],
}

const PYTHON: Grammar = Grammar {
    keywords: &[
        "False", "None", "True", "and", "as", "assert", "async", "await", "break", "case", "class",
        "continue", "def", "del", "elif", "else", "except", "finally", "for", "from", "global", "if",
        "import", "in", "is", "lambda", "match", "nonlocal", "not", "or", "pass", "raise", "return", "try",
        "while", "with", "yield",
    ],
    comment: "#",
    blocks: false,
    quotes: &[("\"\"\"", true), ("'''", true), ("\"", false), ("'", false)],
};

const JAVASCRIPT: Grammar = Grammar {
    keywords: &[
        "async",
        "await",
        "break",
        "case",
        "catch",
        "class",
        "const",
        "continue",
        "default",
        "delete",
        "do",
        "else",
        "export",
        "extends",
        "false",
        "finally",
        "for",
        "from",
        "function",
        "if",
        "import",
        "in",
        "instanceof",
        "let",
        "new",
        "null",
        "of",
        "return",
        "static",
        "super",
        "switch",
        "this",
        "throw",
        "true",
        "try",
        "typeof",
        "undefined",
        "var",
        "void",
        "while",
        "yield",
    ],
    comment: "//",
    blocks: true,
    quotes: &[("`", true), ("\"", false), ("'", false)],
};

const BASH: Grammar = Grammar {
    keywords: &[
        "case", "declare", "do", "done", "elif", "else", "esac", "exit", "export", "fi", "for", "function",
        "if", "in", "local", "readonly", "return", "select", "set", "shift", "source", "then", "trap",
        "unset", "until", "while",
    ],
    comment: "#",
    blocks: false,
    quotes: &[("\"", true), ("'", true)],
};

const R: Grammar = Grammar {
    keywords: &[
        "FALSE", "Inf", "NA", "NULL", "NaN", "TRUE", "break", "else", "for", "function", "if", "in", "next",
        "repeat", "while",
    ],
    comment: "#",
    blocks: false,
    quotes: &[("\"", true), ("'", true), ("`", true)],
};

/// The lines of this code, harmless, and in colours where they are welcome.
pub fn lines(code: &str, language: Language, look: Look) -> Vec<String> {
    let code = harmless(code);
    let grammar = match language {
        Language::Python => &PYTHON,
        Language::Javascript | Language::Typescript => &JAVASCRIPT,
        Language::Bash => &BASH,
        Language::R => &R,
    };
    let mut lines = vec![String::new()];
    let mut rest = code.trim_end();
    let mut before = None;
    while !rest.is_empty() {
        let (bytes, style) = token(rest, before, grammar);
        let (text, after) = rest.split_at(bytes);
        for (index, part) in text.split('\n').enumerate() {
            if index > 0 {
                lines.push(String::new());
            }
            if let Some(line) = lines.last_mut() {
                line.push_str(&style.map_or_else(|| part.to_owned(), |style| look.paint(style, part)));
            }
        }
        before = text.chars().next_back();
        rest = after;
    }
    lines
}

/// The bytes of the first token, and its style; `before` is the character in front of it.
fn token(text: &str, before: Option<char>, grammar: &Grammar) -> (usize, Option<&'static str>) {
    let begins_word = before.is_none_or(char::is_whitespace);
    // In Bash, `$#` and `a#b` are no comments.
    if text.starts_with(grammar.comment) && (grammar.comment != "#" || begins_word || !is_bash(grammar)) {
        return (text.find('\n').unwrap_or(text.len()), Some(FAINT));
    }
    if grammar.blocks && text.starts_with("/*") {
        return (text.find("*/").map_or(text.len(), |at| at + 2), Some(FAINT));
    }
    if let Some((quote, spans)) = grammar.quotes.iter().find(|(quote, _)| text.starts_with(quote)) {
        return (string(text, quote, *spans, grammar), Some(GREEN));
    }
    let first = text.chars().next().unwrap_or_default();
    if first.is_alphabetic() || first == '_' {
        return word(text, before, grammar);
    }
    if first.is_ascii_digit() {
        let ends = |c: char| !c.is_alphanumeric() && !matches!(c, '.' | '_');
        return (text.find(ends).unwrap_or(text.len()), Some(CYAN));
    }
    (first.len_utf8(), None)
}

fn is_bash(grammar: &Grammar) -> bool {
    std::ptr::eq(grammar, &BASH)
}

fn string(text: &str, quote: &str, spans: bool, grammar: &Grammar) -> usize {
    let mut at = quote.len();
    while let Some(c) = text[at..].chars().next() {
        if text[at..].starts_with(quote) {
            return at + quote.len();
        }
        if c == '\n' && !spans {
            return at;
        }
        // Between single quotes, Bash knows no escapes.
        let escaped = c == '\\' && !(is_bash(grammar) && quote == "'");
        at += c.len_utf8();
        if escaped && let Some(next) = text[at..].chars().next() {
            at += next.len_utf8();
        }
    }
    text.len()
}

fn word(text: &str, before: Option<char>, grammar: &Grammar) -> (usize, Option<&'static str>) {
    let bytes = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let (word, after) = text.split_at(bytes);
    let prefix = std::ptr::eq(grammar, &PYTHON) && bytes <= 2 && after.starts_with(['"', '\'']);
    if prefix && word.chars().all(|c| "bfrtuBFRTU".contains(c)) {
        return (bytes, Some(GREEN));
    }
    let attribute = before == Some('.') || is_bash(grammar) && matches!(before, Some('$' | '{' | '-' | '/'));
    if !attribute && grammar.keywords.contains(&word) {
        return (bytes, Some(MAGENTA));
    }
    (bytes, after.starts_with('(').then_some(BLUE))
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLOUR: Look = Look { terminal: true, colour: true };

    /// Painted text with `<letter text>` for each style.
    fn seen(code: &str, language: Language) -> String {
        let mut text = lines(code, language, COLOUR).join("\n");
        for (style, letter) in [(MAGENTA, "k"), (GREEN, "s"), (CYAN, "n"), (FAINT, "c"), (BLUE, "f")] {
            text = text.replace(&format!("\x1b[{style}m"), &format!("<{letter} "));
        }
        text.replace("\x1b[0m", ">")
    }

    #[test]
    fn tokens_of_each_language() {
        use Language::{Bash, Javascript, Python, R};
        let cases = [
            (Python, "for x in y:", "<k for> x <k in> y:"),
            (Python, "format = form.import_x", "format = form.import_x"),
            (Python, "print('#', 1.5e3) # no", "<f print>(<s '#'>, <n 1.5e3>) <c # no>"),
            (Python, "f'a\\'b' rb\"x", "<s f><s 'a\\'b'> <s rb><s \"x>"),
            (Python, "'''a\nb''' if", "<s '''a>\n<s b'''> <k if>"),
            (Python, "'open\nif", "<s 'open>\n<k if>"),
            (Javascript, "const a = `x\ny` // z", "<k const> a = <s `x>\n<s y`> <c // z>"),
            (Javascript, "/* a\n*/ new A()", "<c /* a>\n<c */> <k new> <f A>()"),
            (Bash, "echo \"$#\" a#b # c", "echo <s \"$#\"> a#b <c # c>"),
            (Bash, "if [ -f '\\' ]; then", "<k if> [ -f <s '\\'> ]; <k then>"),
            (R, "f <- function(x) 'a\nb'#c", "f <- <k function>(x) <s 'a>\n<s b'><c #c>"),
            (Python, "größe = 1", "größe = <n 1>"),
            (Python, "", ""),
        ];
        for (language, code, expected) in cases {
            assert_eq!(seen(code, language), expected, "{code:?}");
        }
    }

    #[test]
    fn nothing_is_lost_or_obeyed_and_colours_are_optional() {
        let plain = Look { terminal: true, colour: false };
        let code = "def f(x):\n    return \"größe 図\" # '''\n\n\tx = 'a\\\nb'";
        for language in [Language::Python, Language::Javascript, Language::Bash, Language::R] {
            assert_eq!(lines(code, language, plain).join("\n"), code);
        }
        assert_eq!(lines("a()\r\x1b[2Kb\u{202e}c", Language::Python, plain), ["a()b\\u{202e}c"]);
    }
}
