//! The page that tells which test ran behind which walls has a row for every test, and no others.

use super::{File, Problem};
use crate::walls_page::{PAGE, Table, tests};

/// Compares the page with the tests that there are.
pub fn check(files: &[File]) -> Vec<Problem> {
    let tests = tests(files);
    let problem = |line: usize, message: String| Problem { path: PAGE.to_owned(), line, message };
    let Some(page) = files.iter().find(|file| file.path == PAGE) else {
        return vec![problem(1, format!("the page with the tables of {} tests is missing", tests.len()))];
    };
    let Some(table) = Table::of_page(&page.text) else {
        return vec![problem(1, "the marks between which the tables are generated are missing".to_owned())];
    };
    let rows = table.tests();
    let again = format!("`cargo xtask test NAME --table {PAGE}` writes the tables");
    let lacking = tests.difference(&rows).map(|test| problem(1, format!("{test} has no row: {again}")));
    let beyond = rows.difference(&tests).map(|test| {
        let name = test.rsplit("::").next().unwrap_or(test);
        let line = page.text.lines().position(|line| line.starts_with(&format!("| `{name}` |")));
        problem(line.map_or(1, |line| line + 1), format!("{test} is no test any more: {again}"))
    });
    lacking.chain(beyond).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(page: Option<&str>) -> Vec<(usize, String)> {
        let page =
            page.map(|rows| format!("# Walls\n<!-- tests: generated -->\n{rows}<!-- tests: end -->\n"));
        let program = File::new("tests/escape/fs_a.py", "# promise: a\n").unwrap();
        let page = page.map(|text| File::new(PAGE, &text).unwrap());
        let files: Vec<File> = page.into_iter().chain([program]).collect();
        super::check(&files).into_iter().map(|problem| (problem.line, problem.message)).collect()
    }

    #[test]
    fn a_row_too_few_and_a_row_too_many_are_found() {
        assert_eq!(messages(Some("### escape: fs\n| `fs_a` | ✓ | ✓ | ✓ | ✓ |\n")), []);
        let found = messages(Some("### escape: fs\n| `fs_b` | ✓ | ✓ | ✓ | ✓ |\n"));
        assert!(found[0].1.starts_with("escape::fs_a has no row"), "{found:?}");
        assert!(found[1].0 == 4 && found[1].1.starts_with("escape::fs_b is no test any more"), "{found:?}");
    }

    #[test]
    fn a_page_without_tables_is_found() {
        assert_eq!(messages(None).len(), 1);
        let bare = [File::new(PAGE, "# Walls\n").unwrap()];
        assert_eq!(super::check(&bare).len(), 1);
    }
}
