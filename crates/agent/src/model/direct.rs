//! Code out of a reply without tools: fences, prose and leaked thinking are taken off.
//!
//! Whether a reply is complete is for the caller to know: a fence that is never closed counts as closed at the end.

use policy::Policy;
use protocol::Language;
use std::sync::LazyLock;

/// The code of a complete reply, and its language where a fence says so; `None` where the reply is an answer in words.
///
/// The first fenced block of a language that we run, or of none, counts. Without a fence, Python that parses comes back
/// as it is, unless no line of it does anything: `42` and `EMEA: 17` are answers. Prose before and behind is left out.
pub fn code(text: &str) -> Option<(Option<Language>, String)> {
    if is_python(text) {
        return Some((None, text.to_owned()));
    }
    let text = without_thinking(text);
    let mut fences = 0;
    for block in blocks(text) {
        fences += 1;
        match language(block.word) {
            Said::Runs(language) => return Some((language, block.code)),
            Said::Other => {}
        }
    }
    if fences > 0 { None } else { bare(text).map(|code| (None, code)) }
}

/// What a fence says about its block.
enum Said {
    /// It is code, of this language where one is said.
    Runs(Option<Language>),
    /// It is something else: output, data, a language that we do not run.
    Other,
}

fn language(word: &str) -> Said {
    match word.to_ascii_lowercase().as_str() {
        "" | "code" => Said::Runs(None),
        "python" | "python3" | "py" | "py3" | "ipython" | "ipython3" | "tool_code" => {
            Said::Runs(Some(Language::Python))
        }
        "bash" | "sh" | "shell" | "zsh" => Said::Runs(Some(Language::Bash)),
        "javascript" | "js" | "node" | "mjs" => Said::Runs(Some(Language::Javascript)),
        "r" => Said::Runs(Some(Language::R)),
        "typescript" | "ts" | "mts" => Said::Runs(Some(Language::Typescript)),
        _ => Said::Other,
    }
}

/// The text behind a `<think>` block, also where only its end is there.
fn without_thinking(text: &str) -> &str {
    const CLOSE: &str = "</think>";
    let begins = text.trim_start().starts_with("<think>");
    let first_fence: usize =
        text.lines().take_while(|line| fence(line).is_none()).map(|line| line.len() + 1).sum();
    match text.find(CLOSE) {
        Some(at) if begins || at < first_fence => &text[at + CLOSE.len()..],
        None if begins => "",
        _ => text,
    }
}

/// A line that opens or closes a block.
struct Fence<'a> {
    indent: usize,
    mark: char,
    length: usize,
    rest: &'a str,
}

fn fence(line: &str) -> Option<Fence<'_>> {
    let trimmed = line.trim_start();
    let mark = trimmed.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
    let length = trimmed.chars().take_while(|&character| character == mark).count();
    let rest = trimmed[length..].trim();
    let is_fence = length >= 3 && !(mark == '`' && rest.contains('`'));
    is_fence.then_some(Fence { indent: line.len() - trimmed.len(), mark, length, rest })
}

/// A fenced block.
struct Block<'a> {
    /// The first word behind the fence, without `{.` and `}`.
    word: &'a str,
    code: String,
}

fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(open) = fence(line) else { continue };
        let mut code = String::new();
        for line in lines.by_ref() {
            let closes = |close: &Fence| {
                close.mark == open.mark && close.length >= open.length && close.rest.is_empty()
            };
            if fence(line).as_ref().is_some_and(closes) {
                break;
            }
            let indent = line.len() - line.trim_start().len();
            code.push_str(&line[indent.min(open.indent)..]);
            code.push('\n');
        }
        let word =
            open.rest.trim_start_matches(['{', '.']).split([' ', ',', '}', ':']).next().unwrap_or_default();
        if !code.trim().is_empty() {
            blocks.push(Block { word, code });
        }
    }
    blocks
}

/// Code that no fence surrounds, but prose may.
fn bare(text: &str) -> Option<String> {
    /// Lines at the end that may be prose; with more, the whole end is taken for it.
    const TRIES: usize = 40;
    let lines: Vec<&str> = text.lines().collect();
    let first = lines.iter().position(|line| does_something(line))?;
    let last = lines.iter().rposition(|line| does_something(line))?;
    // The last line of a cell is often a bare name, to show it.
    let ends = (last..lines.len()).rev().take(TRIES).chain([last]);
    let mut candidates = ends.map(|end| lines[first..=end].join("\n"));
    candidates.find(|code| is_python(code)).or_else(|| {
        let code = &lines[first..=last];
        let doing = code.iter().filter(|line| does_something(line)).count();
        let filled = code.iter().filter(|line| !line.trim().is_empty()).count();
        // What is meant as code and does not parse is run all the same, so that its error is told.
        (doing * 2 > filled).then(|| code.join("\n"))
    })
}

fn is_python(text: &str) -> bool {
    static ANYTHING: LazyLock<Option<Policy>> = LazyLock::new(|| Policy::preset("open"));
    let Some(anything) = ANYTHING.as_ref().filter(|_| text.lines().any(does_something)) else { return false };
    let verdict = policy::check(anything, Language::Python, text);
    !verdict.denied && verdict.findings.iter().all(|finding| finding.rule != "syntax")
}

/// Words that begin a statement and hardly a sentence.
const STATEMENTS: [&str; 24] = [
    "assert", "async", "await", "break", "class", "continue", "def", "del", "elif", "else:", "except", "for",
    "from", "global", "if", "import", "lambda", "print", "raise", "return", "try:", "while", "with", "yield",
];

/// True where a line is a statement, or an expression that computes something; comments, headings, list items and
/// sentences are not.
fn does_something(line: &str) -> bool {
    let trimmed = line.trim();
    let listed = ["#", "- ", "* ", "• ", "> ", "|"].iter().any(|mark| trimmed.starts_with(mark));
    if trimmed.is_empty() || listed || is_sentence(trimmed) {
        return false;
    }
    let word = trimmed.split_whitespace().next().unwrap_or_default();
    let begins = trimmed.starts_with(['!', '%', '@', '(', '[', '{', ')', ']', '}']);
    begins || STATEMENTS.contains(&word) || trimmed.contains(['=', '+', '*', '/', '<', '>']) || calls(trimmed)
}

/// True where a name is directly followed by a bracket.
fn calls(line: &str) -> bool {
    line.as_bytes().windows(2).any(|pair| {
        matches!(pair[1], b'(' | b'[') && (pair[0].is_ascii_alphanumeric() || b"_)]\"'".contains(&pair[0]))
    })
}

/// True for `Which region grew (fastest)?`: a capital letter, spaces, and the mark of a sentence at its end.
fn is_sentence(line: &str) -> bool {
    let begins = line.chars().next().is_some_and(char::is_uppercase);
    begins && line.contains(' ') && line.ends_with(['.', '?', '!', ':']) && !line.contains(" = ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use Language::{Bash, Javascript, Python};

    #[test]
    fn code_is_found_in_what_models_write() {
        let python = |code: &str| Some((Some(Python), code.to_owned()));
        let bare = |code: &str| Some((None, code.to_owned()));
        let table = [
            ("```python\nprint(1)\n```", python("print(1)\n")),
            ("```py\nprint(1)\n```\nThis prints 1.", python("print(1)\n")),
            (
                "Here you go:\n\n```{python}\nprint(1)\n```\n\nand\n```python\nprint(2)\n```",
                python("print(1)\n"),
            ),
            ("```{.python .numberLines}\nx = 1\n```", python("x = 1\n")),
            ("```Python title=\"a.py\"\nx = 1\n```", python("x = 1\n")),
            ("~~~python\nprint('```')\n~~~", python("print('```')\n")),
            ("````python\ns = '''\n```\n'''\n````", python("s = '''\n```\n'''\n")),
            ("1. First:\n   ```python\n   if x:\n       y()\n   ```", python("if x:\n    y()\n")),
            ("```python\nprint(1)", python("print(1)\n")),
            ("```\nprint(1)\n```", bare("print(1)\n")),
            ("The data:\n```csv\na,b\n```\nThe code:\n```python\nprint(1)\n```", python("print(1)\n")),
            ("```text\n42\n```", None),
            ("```\n```\n```python\nprint(1)\n```", python("print(1)\n")),
            ("```bash\nls\n```", Some((Some(Bash), "ls\n".into()))),
            ("```js\nconsole.log(1)\n```", Some((Some(Javascript), "console.log(1)\n".into()))),
            (
                "<think>\nUse ```python\nwrong()\n``` maybe\n</think>\n```python\nright()\n```",
                python("right()\n"),
            ),
            ("I should sum.\n</think>\n\n```python\nright()\n```", python("right()\n")),
            ("<think>\nprint(1) would", None),
            ("<think>hm</think>print(1)", bare("print(1)")),
            (
                "Sure! Here is the code:\n\nimport math\nx = math.pi\nx\n\nIt prints pi.",
                bare("import math\nx = math.pi\nx\n"),
            ),
            ("import math\nprint(math.pi", bare("import math\nprint(math.pi")),
            ("The answer is 3.6633 %.", None),
            ("42", None),
            ("EMEA: 17\nAPAC: 4", None),
            ("# Result\n\n- EMEA (42)\n- APAC (17)", None),
            ("Which region do you mean (there are two)?", None),
            ("Yes", None),
            ("", None),
            ("  \n", None),
        ];
        for (text, expected) in table {
            assert_eq!(code(text), expected, "{text:?}");
        }
    }

    #[test]
    fn python_without_fences_comes_back_as_it_is() {
        let table = [
            "print(1)",
            "\n\nimport pandas as pd\ndf = pd.read_csv('sales.csv')\n\ndf.head()\n",
            "47 / 1283 * 100",
            "text = '''\n```python\nnot this\n```\n'''\nprint(text)",
            "# How many?\nlen([1, 2])",
            "def f(x):\n\treturn x\r\n\r\nf(1)",
            "s = '</think>'\nprint(s)",
            "\"\"\"\nWhat is this?\n</think>\n\"\"\"\nprint(__doc__)",
            "[n * n for n in range(3)]",
            "!ls -la",
            "%%bash\nls",
            "import os",
        ];
        for text in table {
            assert_eq!(code(text), Some((None, text.to_owned())), "{text:?}");
        }
    }

    #[test]
    fn whole_programs_come_back_as_they_are() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut programs = 0;
        for folder in ["driver", "tests/benign", "tests/escape"] {
            for entry in std::fs::read_dir(root.join(folder)).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_some_and(|extension| extension == "py") {
                    let text = std::fs::read_to_string(&path).unwrap();
                    assert_eq!(code(&text), Some((None, text)), "{}", path.display());
                    programs += 1;
                }
            }
        }
        assert!(programs > 50, "{programs}");
    }
}
