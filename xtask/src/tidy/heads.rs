//! Every program says in its first lines what it is for; `unsafe` stays in one file.

use super::{File, Problem};
use proc_macro2::{TokenStream, TokenTree};

/// The one file that may say `unsafe`.
const UNSAFE_HOME: &str = "crates/jail/src/sys.rs";

/// Checks the head of a source file and looks for `unsafe`.
pub fn check(file: &File) -> Vec<Problem> {
    let mut problems = Vec::new();
    if file.is_source() && !has_head(file) {
        problems
            .push(file.problem(1, "say in the first line what this file does and what it leaves to others"));
    }
    if file.path.ends_with(".rs") && file.path != UNSAFE_HOME {
        let tokens: TokenStream = file.text.parse().unwrap_or_default();
        for line in unsafe_lines(tokens) {
            problems.push(file.problem(line, format!("`unsafe` belongs in {UNSAFE_HOME}")));
        }
    }
    problems
}

fn has_head(file: &File) -> bool {
    let lines: Vec<&str> = file.text.lines().collect();
    let first = match lines.first() {
        Some(line) if line.starts_with("#!/") => lines.get(1),
        first => first,
    };
    let mark: &[&str] = match file.path.rsplit('.').next() {
        Some("rs") => &["//! "],
        Some("js") => &["// ", "/**", "/*", "'use strict'", "\"use strict\""],
        Some("py") => &["\"\"\"", "# "],
        _ => &["# "],
    };
    first.is_some_and(|line| mark.iter().any(|mark| line.starts_with(mark)))
}

fn unsafe_lines(tokens: TokenStream) -> Vec<usize> {
    tokens
        .into_iter()
        .flat_map(|token| match token {
            TokenTree::Ident(word) if word == "unsafe" => vec![word.span().start().line],
            TokenTree::Group(group) => unsafe_lines(group.stream()),
            _ => Vec::new(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&File::new(path, text).unwrap()).iter().map(|problem| problem.line).collect()
    }

    #[test]
    fn a_file_without_a_head_is_found() {
        assert_eq!(lines("a.rs", "//! Does this.\n"), [] as [usize; 0]);
        assert_eq!(lines("a.rs", "use std::fs;\n"), [1]);
        assert_eq!(lines("a.py", "#!/usr/bin/env python3\n\"\"\"Does this.\"\"\"\n"), [] as [usize; 0]);
        assert_eq!(lines("a.py", "import os\n"), [1]);
    }

    #[test]
    fn unsafe_is_found_outside_its_home_even_in_macros() {
        let text =
            "//! Head.\nfn f() {\n    unsafe { g() }\n    m!(unsafe { g() });\n}\n// unsafe in words\n";
        assert_eq!(lines("crates/guest/src/a.rs", text), [3, 4]);
        assert_eq!(lines(UNSAFE_HOME, text), [] as [usize; 0]);
    }
}
