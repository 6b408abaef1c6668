//! `belljar ask` on a terminal: what streams, what is rendered, what a line editor does.

use crate::ask::{ask, recording, tape};
use crate::program::can_run;
use crate::terminal::Terminal;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);

#[test]
fn everything_streams_and_the_answer_is_said_once() {
    if !can_run() {
        return;
    }
    let question = "How many days are there from 2024-02-10 to 2026-11-21?";
    let mut terminal = Terminal::start(ask(&[question, "--model", &recording("wrong-module")]));
    assert_eq!(terminal.end(SOON), Some(0));
    let seen = terminal.text();
    let parts = [
        "\x1b[35mfrom\x1b[0m date_time \x1b[35mimport\x1b[0m date",
        "ModuleNotFoundError",
        "The module is called datetime.",
        "\n1015\n",
        "There are \x1b[1m1015 days\x1b[0m from 2024-02-10 to 2026-11-21.",
        "3 turns · 2 code attempts",
    ];
    let mut rest = seen.as_str();
    for part in parts {
        let at = rest.find(part).unwrap_or_else(|| panic!("{part:?} does not follow: {seen}"));
        rest = &rest[at + part.len()..];
    }
    assert_eq!(seen.matches("1015 days").count(), 1, "{seen}");
    assert!(!seen.contains("**1015"), "{seen}");
}

#[test]
fn colours_are_not_forced_on_anybody() {
    if !can_run() {
        return;
    }
    let mut command = ask(&[
        "How many days are there from 2024-02-10 to 2026-11-21?",
        "--model",
        &recording("wrong-module"),
    ]);
    command.env("NO_COLOR", "1");
    let mut terminal = Terminal::start(command);
    assert_eq!(terminal.end(SOON), Some(0));
    let seen = terminal.text();
    let coloured = seen.lines().filter(|line| line.contains("\x1b[3") || line.contains("\x1b[1m")).count();
    assert!(coloured == 0 && seen.contains("There are 1015 days from"), "{seen}");
}

#[test]
fn a_model_cannot_drive_the_terminal() {
    if !can_run() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let hostile = "\u{1b}]0;owned\u{7}\u{1b}[2J&#27;[2Jx\u{9b}5n";
    let model = tape(dir.path(), &[(hostile, Some("1 # \u{1b}[2J\u{202e}")), ("**Safe**", None)]);
    let mut terminal = Terminal::start(ask(&["x", "--model", &model]));
    assert_eq!(terminal.end(SOON), Some(0));
    let seen = terminal.text();
    assert!(!seen.contains("\x1b]") && !seen.contains("\x1b[2J") && !seen.contains('\u{9b}'), "{seen:?}");
    assert!(!seen.contains('\u{202e}') && seen.contains("\x1b[1mSafe\x1b[0m"), "{seen:?}");
}

#[test]
fn questions_are_typed_one_after_the_other() {
    if !can_run() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let model = tape(
        dir.path(),
        &[("", Some("x = 20")), ("Kept.", None), ("", Some("print(x + 22)")), ("Done.", None)],
    );
    let mut terminal = Terminal::start(ask(&["--interactive", "--model", &model]));
    terminal.wait_for("ask> ", SOON);
    terminal.write("Keep 20.\r");
    terminal.wait_for("Kept.", SOON);
    terminal.wait_for("ask> ", SOON);
    terminal.write("Add 22.\r");
    terminal.wait_for("42\r\n", SOON);
    terminal.wait_for("Done.", SOON);
    terminal.wait_for("ask> ", SOON);
    terminal.write("\u{4}");
    assert_eq!(terminal.end(SOON), Some(0));
}
