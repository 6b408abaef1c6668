//! The tables of `docs/reference/walls.md`: which test ran behind which walls, and how it ended.
//!
//! They are read back before they are written, so that a run of some tests changes only what it tells of. Which tests
//! there are is `listed`'s; `cargo xtask tidy` compares.

mod listed;
mod text;

pub use listed::tests;

use crate::marked;
use crate::test::outcomes::{Ended, Outcomes};
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The page.
pub const PAGE: &str = "docs/reference/walls.md";
/// The part of it that is generated here.
const MARK: &str = "tests";
const WIDTH: usize = 4;
const COLUMNS: [&str; WIDTH] = ["native, root", "native, user", "oci+runc", "oci+runsc"];

/// A test without its subject: `limits::memory`, `escape::kern_bpf`.
pub type Test = String;

/// How tests ended, by column; what did not run is none.
#[derive(Debug, Default, PartialEq)]
pub struct Table(BTreeMap<Test, [Option<Ended>; WIDTH]>);

impl Table {
    /// With these tests, none of which ran.
    pub fn empty(tests: &BTreeSet<Test>) -> Table {
        Table(tests.iter().map(|test| (test.clone(), [const { None }; WIDTH])).collect())
    }

    /// The table of a page; none if it has none.
    pub fn of_page(page: &str) -> Option<Table> {
        marked::find(page, MARK).map(text::read)
    }

    /// Its tests.
    pub fn tests(&self) -> BTreeSet<Test> {
        self.0.keys().cloned().collect()
    }

    /// Takes over how tests ended that both know.
    fn update(&mut self, other: Table) {
        for (test, ends) in other.0 {
            let Some(row) = self.0.get_mut(&test) else { continue };
            for (cell, end) in row.iter_mut().zip(ends).filter(|(_, end)| end.is_some()) {
                *cell = end;
            }
        }
    }

    /// Takes over how tests ended for one user. What is not one of its tests is none of this table's business.
    pub fn take(&mut self, outcomes: &Outcomes, as_root: bool) {
        for (name, ended) in outcomes {
            let Some((subject, test)) = name.split_once("::") else { continue };
            let column = match (subject, as_root) {
                ("native", true) => 0,
                ("native", false) => 1,
                ("oci_runc", _) => 2,
                ("oci_runsc", _) => 3,
                _ => continue,
            };
            if let Some(row) = self.0.get_mut(test) {
                row[column] = Some(ended.clone());
            }
        }
    }
}

/// Writes what a run showed into a page. After a run of `some` tests, the others stay as they were.
pub fn write(path: &Path, fresh: Table, some: bool) -> Result<()> {
    let shown = path.display();
    let page = std::fs::read_to_string(path).with_context(|| format!("read {shown}"))?;
    let mut table = Table::empty(&fresh.tests());
    if some && let Some(old) = Table::of_page(&page) {
        table.update(old);
    }
    table.update(fresh);
    marked::write(path, MARK, &text::render(&table))
}

#[cfg(test)]
mod checks {
    use super::*;

    fn outcomes(rows: &[(&str, Ended)]) -> Outcomes {
        rows.iter().map(|(name, ended)| ((*name).to_owned(), ended.clone())).collect()
    }

    fn names(names: &[&str]) -> BTreeSet<Test> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn every_subject_and_user_has_a_column() {
        let mut table = Table::empty(&names(&["limits::memory"]));
        let skipped = Ended::Skipped("no runsc".into());
        let as_root = outcomes(&[
            ("native::limits::memory", Ended::Passed),
            ("oci_runc::limits::memory", Ended::Failed),
            ("oci_runsc::limits::memory", skipped.clone()),
            ("native::limits::unknown", Ended::Passed),
            ("wire::memory", Ended::Failed),
        ]);
        table.take(&as_root, true);
        let cells = [Some(Ended::Passed), None, Some(Ended::Failed), Some(skipped)];
        assert_eq!(table.0, BTreeMap::from([("limits::memory".to_owned(), cells)]));
        table.take(&outcomes(&[("native::limits::memory", Ended::Failed)]), false);
        assert_eq!(table.0["limits::memory"][..2], [Some(Ended::Passed), Some(Ended::Failed)]);
    }

    #[test]
    fn a_run_of_some_tests_keeps_the_others_and_forgets_tests_that_are_gone() {
        let folder = std::env::temp_dir().join(format!("walls-page-{}", std::process::id()));
        std::fs::write(&folder, "by hand\n<!-- tests: generated -->\n<!-- tests: end -->\n").unwrap();
        let ran = |tests: &[&str], name: &str, ended: Ended, some: bool| {
            let mut table = Table::empty(&names(tests));
            table.take(&outcomes(&[(name, ended)]), true);
            write(&folder, table, some).unwrap();
            Table::of_page(&std::fs::read_to_string(&folder).unwrap()).unwrap()
        };
        ran(&["escape::fs_a", "escape::gone"], "native::escape::gone", Ended::Passed, false);
        let tests = ["escape::fs_a", "state::b"];
        ran(&tests, "native::escape::fs_a", Ended::Skipped("why".into()), true);
        let table = ran(&tests, "oci_runc::state::b", Ended::Failed, true);
        assert_eq!(table.tests(), names(&tests));
        assert_eq!(table.0["escape::fs_a"][0], Some(Ended::Skipped("why".into())));
        assert_eq!(table.0["state::b"][2], Some(Ended::Failed));
        let whole = ran(&tests, "native::state::b", Ended::Passed, false);
        assert_eq!(whole.0["escape::fs_a"], [const { None }; WIDTH]);
        assert!(std::fs::read_to_string(&folder).unwrap().starts_with("by hand\n"));
        std::fs::remove_file(&folder).unwrap();
    }
}
