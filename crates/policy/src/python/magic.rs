//! What IPython adds to Python: `%magic`, `!shell`, `name?`, and lines whose first character quotes the rest.

use super::value::Values;
use super::walk::Walk;
use crate::sighting::{Seen, Sighting};
use ruff_python_ast::IpyEscapeKind;
use ruff_python_parser::Mode;
use ruff_text_size::TextRange;

/// What the name of a line magic means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// Nothing that a policy could mind.
    Harmless,
    /// The rest is Python, behind options.
    Python,
    /// The rest is a command line.
    Shell,
    /// The magic is a command itself, and the rest are its arguments.
    Command,
    /// The rest names a module.
    Import,
    /// The rest names a file, which is written.
    Write,
    /// Anything may happen.
    Unknown,
}

/// What the name of a cell magic means for the lines below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Body {
    Python,
    /// Cells of their own, with magics of their own.
    Cell,
    Shell,
    /// Shown, not run.
    Shown,
    Write,
    Unknown,
}

pub(super) fn line_magic(name: &str) -> Line {
    match name {
        "time" | "timeit" | "prun" | "memit" | "lprun" | "mprun" => Line::Python,
        "sx" | "system" | "sc" | "!" => Line::Shell,
        "pip" | "conda" | "mamba" | "micromamba" | "uv" | "ls" | "cat" | "mv" | "rm" | "cp" | "mkdir"
        | "rmdir" | "man" | "more" | "less" | "ll" | "lf" | "lk" | "ldir" | "lx" => Line::Command,
        "load_ext" | "reload_ext" => Line::Import,
        "save" | "logstart" | "notebook" => Line::Write,
        "matplotlib" | "config" | "pwd" | "who" | "whos" | "who_ls" | "reset" | "reset_selective"
        | "precision" | "pprint" | "pdoc" | "pdef" | "psource" | "pfile" | "pinfo" | "pinfo2" | "psearch"
        | "page" | "history" | "hist" | "magic" | "lsmagic" | "quickref" | "env" | "set_env" | "colors"
        | "xmode" | "tb" | "dhist" | "dirs" | "gui" | "load" | "unload_ext" | "autoindent" | "logstop"
        | "logoff" | "logstate" => Line::Harmless,
        _ => Line::Unknown,
    }
}

/// `line` is what stands behind the name: `%%script bash`.
pub(super) fn cell_magic(name: &str, line: &str) -> Body {
    match name {
        "time" | "timeit" | "prun" | "memit" | "python" | "python3" => Body::Python,
        "capture" => Body::Cell,
        "bash" | "sh" | "system" | "sx" | "!" | "cmd" => Body::Shell,
        "script" | "bg" => {
            let program = line.split_whitespace().find(|word| !word.starts_with('-')).unwrap_or_default();
            match program.rsplit('/').next().unwrap_or(program) {
                "bash" | "sh" | "dash" | "zsh" => Body::Shell,
                "python" | "python3" => Body::Python,
                _ => Body::Unknown,
            }
        }
        "html" | "HTML" | "svg" | "SVG" | "latex" | "markdown" | "javascript" | "js" => Body::Shown,
        "writefile" | "file" => Body::Write,
        _ => Body::Unknown,
    }
}

/// The name of the file among the words behind a magic.
pub(super) fn file_of(line: &str) -> Option<String> {
    let word = line.split_whitespace().rfind(|word| !word.starts_with('-'))?;
    (!word.contains(['$', '{'])).then(|| word.trim_matches(['"', '\'']).to_owned())
}

/// Magics of IPython that may do anything.
const OTHERS: [&str; 24] = [
    "alias",
    "autoawait",
    "autocall",
    "automagic",
    "bookmark",
    "cd",
    "code_wrap",
    "debug",
    "doctest_mode",
    "ed",
    "edit",
    "macro",
    "pdb",
    "popd",
    "pushd",
    "pycat",
    "pylab",
    "recall",
    "rehashx",
    "rep",
    "rerun",
    "run",
    "unalias",
    "xdel",
];

/// Whether IPython takes a cell of one line for a magic without its `%`. Where a variable has that name it does not.
pub(super) fn without_percent(cell: &str) -> bool {
    let line = cell.trim();
    let end = line.find(|char: char| !char.is_alphanumeric() && char != '_').unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    let is_magic = line_magic(name) != Line::Unknown || OTHERS.contains(&name);
    let is_operator =
        rest.starts_with(['!', '=', '(', ')', '<', '>', ',', '+', '*', '/', '%', '^', '&', '|', '.']);
    is_magic && !line.contains('\n') && !is_operator && !rest.trim_start().starts_with('=')
}

impl Walk<'_> {
    /// A line that IPython takes for itself.
    pub(super) fn escape(&mut self, kind: IpyEscapeKind, value: &str, range: TextRange) -> Values {
        match kind {
            IpyEscapeKind::Shell | IpyEscapeKind::ShCap => {
                self.expanded(value, range);
                self.tell_shell(Some(value.to_owned()), range);
            }
            IpyEscapeKind::Magic | IpyEscapeKind::Magic2 => self.line_magic(value.trim_start(), range),
            IpyEscapeKind::Help | IpyEscapeKind::Help2 => {}
            IpyEscapeKind::Quote | IpyEscapeKind::Quote2 | IpyEscapeKind::Paren => {
                self.quoted_call(kind, value, range)
            }
        }
        Values::open()
    }

    fn line_magic(&mut self, value: &str, range: TextRange) {
        let end = value.find(char::is_whitespace).unwrap_or(value.len());
        let (name, rest) = (&value[..end], value[end..].trim());
        let meaning = line_magic(name);
        if meaning != Line::Python {
            self.expanded(rest, range);
        }
        match meaning {
            Line::Harmless => {}
            Line::Python => self.nested(without_options(rest), range, Mode::Ipython, false),
            Line::Shell => self.tell_shell(Some(rest.to_owned()), range),
            Line::Command => self.tell_shell(Some(value.to_owned()), range),
            Line::Import => self.tell(range, Seen::Import(rest.to_owned())),
            Line::Write => self.tell(range, Seen::Write(rest.split_whitespace().next().map(str::to_owned))),
            Line::Unknown => self.tell(range, Seen::Unknown(format!("the magic %{name}"))),
        }
    }

    /// `{expression}` in a command line is Python, and runs.
    fn expanded(&mut self, line: &str, range: TextRange) {
        for part in line.split('{').skip(1) {
            let Some((inner, _)) = part.split_once('}') else { continue };
            // What does not parse, such as `{print $1}` for awk, stays as it is.
            match super::parse(inner.trim(), Mode::Module) {
                Ok(parsed) if !parsed.errors().is_empty() => {}
                _ => self.nested(inner.trim(), range, Mode::Module, false),
            }
        }
    }

    /// A shell runs a text; what is in it is for the front end of Bash.
    pub(super) fn tell_shell(&mut self, text: Option<String>, range: TextRange) {
        let inner = text.as_deref().map(|text| crate::check::commands(crate::bash::look(text)));
        self.tell(range, Seen::Shell(text));
        let span = self.span(range);
        self.tell_all(inner.into_iter().flatten().map(|inner| Sighting { span, ..inner }).collect());
    }

    /// `/f a b`, `,f a b` and `;f a b` call `f`.
    fn quoted_call(&mut self, kind: IpyEscapeKind, value: &str, range: TextRange) {
        let (callee, rest) = value.trim().split_once(char::is_whitespace).unwrap_or((value.trim(), ""));
        let quoted = |text: &str| format!("{text:?}");
        let arguments = match kind {
            IpyEscapeKind::Quote => rest.split_whitespace().map(quoted).collect::<Vec<_>>().join(", "),
            IpyEscapeKind::Quote2 => quoted(rest),
            _ => rest.split_whitespace().collect::<Vec<_>>().join(", "),
        };
        self.nested(&format!("{callee}({arguments})"), range, Mode::Module, false);
    }
}

/// What follows the options of `%timeit -n 10 -r3 code`.
fn without_options(line: &str) -> &str {
    let mut rest = line.trim_start();
    while let Some(option) = rest.strip_prefix('-') {
        let letter = option.chars().next().unwrap_or(' ');
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let word_ends = end <= 2;
        rest = rest[end..].trim_start();
        if word_ends && matches!(letter, 'n' | 'r' | 't' | 'p' | 's' | 'l' | 'T' | 'D' | 'f') {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            let is_value = letter != 't' || rest[..end].bytes().all(|byte| byte.is_ascii_digit());
            rest = if is_value { rest[end..].trim_start() } else { rest };
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_left_out() {
        for (line, rest) in [
            ("f(x)", "f(x)"),
            ("-n 10 f(x)", "f(x)"),
            ("-n10 -r3 f(x)", "f(x)"),
            ("-q -o f(x)", "f(x)"),
            ("-n", ""),
        ] {
            assert_eq!(without_options(line), rest, "{line}");
        }
    }

    #[test]
    fn magics_without_percent() {
        for (cell, is_magic) in [
            ("ls -la", true),
            ("pip install x", true),
            ("sx ls", true),
            ("cd /tmp", true),
            ("ls = 3", false),
            ("time.sleep(1)", false),
            ("ls(1)", false),
            ("ls (1)", true),
            ("ls + 1", true),
            ("ls, x = 1, 2", false),
            ("sx == 3", false),
            ("sx -x", true),
            ("sx\tid", true),
            ("sx [1]", true),
            ("%ls", false),
            ("x y", false),
            ("ls\nx", false),
        ] {
            assert_eq!(without_percent(cell), is_magic, "{cell}");
        }
    }
}
