//! The tables as Markdown, written and read back.

use super::{COLUMNS, Table, WIDTH};
use crate::test::outcomes::Ended;
use std::collections::BTreeMap;
use std::fmt::Write;

const NOT_RUN: &str = "·";
const PASSED: &str = "✓";
const FAILED: &str = "✗";
const SKIPPED: &str = "–";
/// A reason comes from a test, which may quote anybody.
const REASON_CHARS_MAX: usize = 300;

type Cells = [Option<Ended>; WIDTH];

/// How many ended how, a table for each area, and the reasons of skips as footnotes.
pub fn render(table: &Table) -> String {
    let mut text = counts(table);
    let mut reasons = Vec::new();
    let mut area = String::new();
    for (heading, test, cells) in rows(table) {
        if heading != area {
            let _ = write!(text, "\n### {heading}\n\n| test | {} |\n", COLUMNS.join(" | "));
            let _ = writeln!(text, "|---|{}", ":-:|".repeat(WIDTH));
        }
        let cells = cells.each_ref().map(|cell| write_cell(cell.as_ref(), &mut reasons));
        let _ = writeln!(text, "| `{test}` | {} |", cells.join(" | "));
        area = heading;
    }
    text.push('\n');
    for (index, reason) in reasons.iter().enumerate() {
        let _ = writeln!(text, "[^{}]: {reason}", index + 1);
    }
    text
}

/// Rows by area: conformance first, then attacks, then ordinary programs.
fn rows(table: &Table) -> Vec<(String, &str, &Cells)> {
    let row = |(test, cells)| {
        let (group, name) = str::split_once(test, "::").unwrap_or(("", test));
        (heading(group, name), name, cells)
    };
    let mut rows: Vec<_> = table.0.iter().map(|(test, cells)| row((test.as_str(), cells))).collect();
    let rank = |heading: &str| {
        ["conformance", "escape", "benign"].into_iter().position(|kind| heading.starts_with(kind))
    };
    rows.sort_by(|a, b| (rank(&a.0), &a.0, a.1).cmp(&(rank(&b.0), &b.0, b.1)));
    rows
}

fn heading(group: &str, name: &str) -> String {
    match group {
        "escape" => format!("escape: {}", name.split('_').next().unwrap_or(name)),
        "benign" => group.to_owned(),
        area => format!("conformance: {area}"),
    }
}

/// The group of the tests below a heading.
fn group(heading: &str) -> &str {
    match heading.split_once(": ") {
        Some(("conformance", area)) => area,
        Some((kind, _)) => kind,
        None => heading,
    }
}

fn counts(table: &Table) -> String {
    let mut text =
        format!("| {} tests | {} |\n|---|{}\n", table.0.len(), COLUMNS.join(" | "), "--:|".repeat(WIDTH));
    for (sign, name) in [(PASSED, "passed"), (SKIPPED, "skipped"), (FAILED, "failed"), (NOT_RUN, "not run")] {
        let count =
            |column: usize| table.0.values().filter(|cells| mark(cells[column].as_ref()) == sign).count();
        let counts: Vec<String> = (0..WIDTH).map(|column| count(column).to_string()).collect();
        let _ = writeln!(text, "| {sign} {name} | {} |", counts.join(" | "));
    }
    text
}

fn mark(cell: Option<&Ended>) -> &'static str {
    match cell {
        None => NOT_RUN,
        Some(Ended::Passed) => PASSED,
        Some(Ended::Failed) => FAILED,
        Some(Ended::Skipped(_)) => SKIPPED,
    }
}

fn write_cell(cell: Option<&Ended>, reasons: &mut Vec<String>) -> String {
    let Some(Ended::Skipped(reason)) = cell else { return mark(cell).to_owned() };
    let words: String = reason.split_whitespace().collect::<Vec<_>>().join(" ");
    let reason: String = words.chars().take(REASON_CHARS_MAX).collect();
    let known = reasons.iter().position(|known| *known == reason);
    let number = known.unwrap_or_else(|| {
        reasons.push(reason);
        reasons.len() - 1
    });
    format!("{SKIPPED}[^{}]", number + 1)
}

/// Reads what [`render`] wrote. A cell that it did not write counts as not run.
pub fn read(text: &str) -> Table {
    let footnote = |line: &str| -> Option<(String, String)> {
        let (number, reason) = line.strip_prefix("[^")?.split_once("]: ")?;
        Some((number.to_owned(), reason.to_owned()))
    };
    let reasons: BTreeMap<String, String> = text.lines().filter_map(footnote).collect();
    let mut table = Table::default();
    let mut heading = "";
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("### ") {
            heading = name;
        }
        let Some((test, cells)) = line.strip_prefix("| `").and_then(|line| line.split_once("` |")) else {
            continue;
        };
        let mut ends = cells.split('|').map(|cell| read_cell(cell.trim(), &reasons));
        let cells = std::array::from_fn(|_| ends.next().flatten());
        table.0.insert(format!("{}::{test}", group(heading)), cells);
    }
    table
}

fn read_cell(cell: &str, reasons: &BTreeMap<String, String>) -> Option<Ended> {
    match cell {
        PASSED => Some(Ended::Passed),
        FAILED => Some(Ended::Failed),
        cell => {
            let number = cell.strip_prefix(SKIPPED)?.strip_prefix("[^")?.strip_suffix(']')?;
            reasons.get(number).cloned().map(Ended::Skipped)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let skipped = |why: &str| Some(Ended::Skipped(why.to_owned()));
        let (passed, failed) = (Some(Ended::Passed), Some(Ended::Failed));
        Table(BTreeMap::from([
            ("benign::archives".to_owned(), [passed.clone(), None, failed.clone(), skipped("no | engine")]),
            (
                "escape::kern_bpf".to_owned(),
                [passed.clone(), skipped("no node"), None, skipped("no | engine")],
            ),
            ("escape::fs_mount".to_owned(), [const { None }; WIDTH]),
            (
                "limits::memory".to_owned(),
                [passed.clone(), passed.clone(), passed.clone(), skipped("no node")],
            ),
            ("limits::cpu_time".to_owned(), [failed, passed.clone(), passed.clone(), passed]),
        ]))
    }

    #[test]
    fn areas_follow_each_other_and_reasons_are_told_once() {
        let expected = "\
| 5 tests | native, root | native, user | oci+runc | oci+runsc |
|---|--:|--:|--:|--:|
| ✓ passed | 3 | 2 | 2 | 1 |
| – skipped | 0 | 1 | 0 | 3 |
| ✗ failed | 1 | 0 | 1 | 0 |
| · not run | 1 | 2 | 2 | 1 |

### conformance: limits

| test | native, root | native, user | oci+runc | oci+runsc |
|---|:-:|:-:|:-:|:-:|
| `cpu_time` | ✗ | ✓ | ✓ | ✓ |
| `memory` | ✓ | ✓ | ✓ | –[^1] |

### escape: fs

| test | native, root | native, user | oci+runc | oci+runsc |
|---|:-:|:-:|:-:|:-:|
| `fs_mount` | · | · | · | · |

### escape: kern

| test | native, root | native, user | oci+runc | oci+runsc |
|---|:-:|:-:|:-:|:-:|
| `kern_bpf` | ✓ | –[^1] | · | –[^2] |

### benign

| test | native, root | native, user | oci+runc | oci+runsc |
|---|:-:|:-:|:-:|:-:|
| `archives` | ✓ | · | ✗ | –[^2] |

[^1]: no node
[^2]: no | engine
";
        assert_eq!(render(&table()), expected);
    }

    #[test]
    fn what_was_written_is_read_back() {
        assert_eq!(read(&render(&table())), table());
        assert_eq!(
            read("### benign\n| `a` | ✓ | –[^7] | ? |\n").0["benign::a"],
            [Some(Ended::Passed), None, None, None]
        );
    }

    #[test]
    fn a_reason_stays_on_its_line_and_is_cut() {
        let mut reasons = Vec::new();
        let cell = Ended::Skipped(format!("a\n{}", "b".repeat(1000)));
        assert_eq!(write_cell(Some(&cell), &mut reasons), "–[^1]");
        assert!(reasons[0].starts_with("a bbb") && reasons[0].len() == REASON_CHARS_MAX);
    }
}
