//! Which tests there are: every conformance test, every attack, every ordinary program, as the sources say.

use super::Test;
use crate::tidy::File;
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::collections::BTreeSet;

/// Where the conformance body is listed, in a macro of this name.
const CONFORMANCE: (&str, &str) = ("crates/interpreter/tests/conformance/main.rs", "every_test");

/// All tests that run behind every wall.
pub fn tests(files: &[File]) -> BTreeSet<Test> {
    let mut tests: BTreeSet<Test> = files.iter().filter_map(program).collect();
    let listed =
        files.iter().filter(|file| file.path == CONFORMANCE.0).filter_map(|file| file.syntax.as_ref());
    for item in listed.flat_map(|syntax| &syntax.items) {
        if let syn::Item::Macro(item) = item
            && item.mac.path.is_ident(CONFORMANCE.1)
        {
            tests.extend(in_macro(item.mac.tokens.clone()));
        }
    }
    tests
}

/// A file below `tests/escape` or `tests/benign` is one test.
fn program(file: &File) -> Option<Test> {
    let (folder, name) = file.path.strip_prefix("tests/")?.split_once('/')?;
    let (stem, _) = name.rsplit_once('.').filter(|(stem, _)| !stem.contains('/'))?;
    ["escape", "benign"].contains(&folder).then(|| format!("{folder}::{stem}"))
}

/// `[subjects] { area: name name; area: name; }`
fn in_macro(tokens: TokenStream) -> Vec<Test> {
    let braces = tokens.into_iter().find_map(|token| match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some(group.stream()),
        _ => None,
    });
    let mut tests = Vec::new();
    let mut area: Option<String> = None;
    for token in braces.into_iter().flatten() {
        match (token, &area) {
            (TokenTree::Ident(name), None) => area = Some(name.to_string()),
            (TokenTree::Ident(name), Some(area)) => tests.push(format!("{area}::{name}")),
            (TokenTree::Punct(mark), _) if mark.as_char() == ';' => area = None,
            _ => {}
        }
    }
    tests
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macros_and_files_list_tests() {
        let body = "//! Head.\nmacro_rules! every_test { () => { mod x {} } }\n\
            every_test! { [native oci] { state: a b; limits: memory; } }\n";
        let files = [
            (CONFORMANCE.0, body),
            ("tests/escape/kern_bpf.py", "# a"),
            ("tests/benign/node_work.js", "// a"),
            ("tests/benign/deeper/no.py", "# a"),
            ("tests/other/no.py", "# a"),
        ];
        let files = files.map(|(path, text)| File::new(path, text).unwrap());
        let found: Vec<String> = super::tests(&files).into_iter().collect();
        let expected = ["benign::node_work", "escape::kern_bpf", "limits::memory", "state::a", "state::b"];
        assert_eq!(found, expected);
    }
}
