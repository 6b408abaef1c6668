//! How long files and functions may be, and how many parameters a function takes.

use super::{File, Problem};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;
const PARAMETERS_MAX: usize = 5;

/// Checks one source file. Documentation above a function does not count towards its length.
pub fn check(file: &File) -> Vec<Problem> {
    let mut problems = Vec::new();
    let count = file.text.lines().count();
    if file.is_source() && count > FILE_LINES_MAX {
        problems.push(file.problem(count, format!("{count} lines: a file has {FILE_LINES_MAX} at most")));
    }
    if let Some(syntax) = &file.syntax {
        let mut functions = Functions { file, problems };
        functions.visit_file(syntax);
        problems = functions.problems;
    }
    problems
}

struct Functions<'a> {
    file: &'a File,
    problems: Vec<Problem>,
}

impl Functions<'_> {
    fn measure(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let (name, start) = (&signature.ident, signature.span().start().line);
        let lines = block.span().end().line - start + 1;
        if lines > FUNCTION_LINES_MAX {
            let message = format!("{name} has {lines} lines: a function has {FUNCTION_LINES_MAX} at most");
            self.problems.push(self.file.problem(start, message));
        }
        let count = signature.inputs.len();
        if count > PARAMETERS_MAX {
            let message =
                format!("{name} takes {count} parameters: a function takes {PARAMETERS_MAX} at most");
            self.problems.push(self.file.problem(start, message));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.measure(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.measure(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.measure(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(path: &str, text: &str) -> Vec<String> {
        check(&File::new(path, text).unwrap())
            .into_iter()
            .map(|p| format!("{}: {}", p.line, p.message))
            .collect()
    }

    #[test]
    fn long_files_are_found() {
        assert_eq!(messages("a.py", &"x = 1\n".repeat(600)), [] as [&str; 0]);
        assert_eq!(messages("a.py", &"x = 1\n".repeat(601)), ["601: 601 lines: a file has 600 at most"]);
        assert_eq!(messages("a.csv", &"1\n".repeat(9999)), [] as [&str; 0]);
    }

    #[test]
    fn long_functions_are_found_wherever_they_stand() {
        let body = "    g();\n".repeat(69);
        let long = format!("impl A {{\n/// Words.\nfn f() {{\n{body}}}\n}}\n");
        assert_eq!(messages("a.rs", &long), ["3: f has 71 lines: a function has 70 at most"]);
        let fits = format!("mod a {{\nfn f() {{\n{}}}\n}}\n", "    g();\n".repeat(68));
        assert_eq!(messages("a.rs", &fits), [] as [&str; 0]);
    }

    #[test]
    fn many_parameters_are_found() {
        let text = "trait T { fn f(&self, a: A, b: B, c: C, d: D, e: E) {} }";
        assert_eq!(messages("a.rs", text), ["1: f takes 6 parameters: a function takes 5 at most"]);
    }
}
