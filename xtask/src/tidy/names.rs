//! Words that say nothing are not names: not of files, modules, types or functions.

use super::{File, Problem};
use syn::visit::{self, Visit};

/// Not in any name.
const EMPTY: [&str; 12] = [
    "util", "utils", "common", "helper", "helpers", "misc", "core", "base", "manager", "service", "engine",
    "imp",
];
/// Not in the name of a file, a module or a type; `data_dir` as a function is well said.
const VAGUE: [&str; 3] = ["types", "info", "data"];

/// Names that the kernel gave, whatever they contain.
const GIVEN: [&str; 1] = ["core_pattern"];

/// Checks a source file's name and the names that it defines.
pub fn check(file: &File) -> Vec<Problem> {
    if !file.is_source() {
        return Vec::new();
    }
    let mut names = Names { file, problems: Vec::new() };
    for part in file.path.rsplit_once('.').map_or("", |(path, _)| path).split('/') {
        names.look(part, 1, true);
    }
    if let Some(syntax) = &file.syntax {
        names.visit_file(syntax);
    }
    names.problems
}

struct Names<'a> {
    file: &'a File,
    problems: Vec<Problem>,
}

impl Names<'_> {
    fn look(&mut self, name: &str, line: usize, vague_too: bool) {
        for word in words(name).into_iter().filter(|_| !GIVEN.contains(&name)) {
            if EMPTY.contains(&word.as_str()) || vague_too && VAGUE.contains(&word.as_str()) {
                self.problems.push(
                    self.file.problem(line, format!("`{word}` in `{name}` says nothing: name the thing")),
                );
            }
        }
    }

    fn define(&mut self, name: &syn::Ident, vague_too: bool) {
        self.look(&name.to_string(), name.span().start().line, vague_too);
    }
}

impl<'ast> Visit<'ast> for Names<'_> {
    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        self.define(&signature.ident, false);
        visit::visit_signature(self, signature);
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.define(&item.ident, true);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.define(&item.ident, true);
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.define(&item.ident, true);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.define(&item.ident, true);
        visit::visit_item_trait(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.define(&item.ident, true);
        visit::visit_item_mod(self, item);
    }
}

/// `HTTPServer_two-parts` as `httpserver`, `two`, `parts`: words begin at a capital after a small letter.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for letter in name.chars() {
        if !letter.is_alphanumeric() || letter.is_uppercase() && before.is_lowercase() {
            words.push(String::new());
        }
        if letter.is_alphanumeric() {
            words.last_mut().expect("never empty").extend(letter.to_lowercase());
        }
        before = letter;
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&File::new(path, text).unwrap()).iter().map(|problem| problem.line).collect()
    }

    #[test]
    fn names_that_say_nothing_are_found() {
        assert_eq!(lines("src/util.rs", ""), [1]);
        assert_eq!(lines("src/data/a.py", ""), [1]);
        assert_eq!(
            lines("a.rs", "struct UserInfo;\nfn base_path() {}\nmod imp {}\nenum RunManager {}\n"),
            [1, 2, 3, 4]
        );
        assert_eq!(lines("a.rs", "impl A {\n fn helper(&self) {}\n}\n"), [2]);
    }

    #[test]
    fn names_that_merely_contain_the_letters_are_not() {
        let text = "fn import() {}\nstruct Database;\nfn base64() {}\nfn data_dir() {}\nfn core_pattern() {}\nmod score {}\n";
        assert_eq!(lines("a.rs", text), [] as [usize; 0]);
        assert_eq!(words("userInfo-two_Parts"), ["user", "info", "two", "parts"]);
    }
}
