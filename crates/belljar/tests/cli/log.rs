//! `belljar log`: the list, one answer, its files, and what is removed. The answers are written by the journal itself.

#[path = "../../../journal/tests/journal/samples.rs"]
mod samples;

use crate::program::{Seen, belljar};
use journal::Journal;
use protocol::AnswerStatus;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::TempDir;

fn log(data_dir: &Path, args: &[&str]) -> Seen {
    let mut command = belljar();
    command.arg("log").args(args).arg("--data-dir").arg(data_dir).env_remove("COLUMNS");
    Seen::from(command.output().expect("start belljar"))
}

/// A data folder with four answers of ours, the newest of which has not ended, and one of somebody else.
fn written() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.sqlite");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let journal = Journal::open(&path).await.unwrap();
        for number in 1..=3_u128 {
            let mut answer =
                samples::answer(number << 120, &format!("Question {number}: which region grew\nfastest?"));
            if number == 2 {
                answer.status = AnswerStatus::Deadline;
                answer.error = serde_json::from_value(
                    serde_json::json!({"code": "deadline", "message": "60 s are over", "hint": "allow more"}),
                )
                .ok();
            }
            samples::write(&journal, "local", &answer).await;
        }
        samples::begin(&journal, "local", &samples::answer(4 << 120, "still open")).await;
        samples::write(&journal, "another", &samples::answer(5 << 120, "not yours")).await;
        journal.close().await;
    });
    folder
}

#[test]
fn answers_are_listed_newest_first() {
    let folder = written();
    let seen = log(folder.path(), &[]);
    let lines: Vec<&str> = seen.stdout.lines().collect();
    assert_eq!((seen.exit, lines.len()), (Some(0), 5), "{seen:?}");
    assert!(lines[0].starts_with("ID        WHEN (UTC)"), "{seen:?}");
    for (line, parts) in lines[1..].iter().zip([
        ["04000000", "incomplete", "still open"],
        ["03000000", "ok", "Question 3"],
        ["02000000", "deadline", "Question 2"],
        ["01000000", "anthropic:claude-test", "$0.0123"],
    ]) {
        assert!(parts.iter().all(|part| line.contains(part)), "{line}");
    }
    assert!(!seen.stdout.contains("not yours"), "{seen:?}");

    let json = log(folder.path(), &["--json", "--limit", "2", "--before", "04"]).json();
    let ids: Vec<&str> = json.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["ans_03000000000000000000000000000000", "ans_02000000000000000000000000000000"]);
    assert_eq!((&json[0]["complete"], &json[1]["status"]), (&true.into(), &"deadline".into()));
    assert_eq!(log(folder.path(), &["--json", "--before", "01"]).json(), serde_json::json!([]));
}

#[test]
fn an_empty_journal_is_no_failure_and_stays_unmade() {
    let folder = tempfile::tempdir().unwrap();
    let seen = log(folder.path(), &[]);
    assert_eq!((seen.exit, seen.stdout.as_str()), (Some(0), ""), "{seen:?}");
    assert!(seen.stderr.contains("no answers yet") && seen.stderr.contains("belljar ask"), "{seen:?}");
    assert_eq!(log(folder.path(), &["--json"]).json(), serde_json::json!([]));
    assert_eq!(log(folder.path(), &["prune", "--keep", "0"]).stdout, "removed 0 answers\n");
    let seen = log(folder.path(), &["show", "last", "--json"]);
    assert_eq!((seen.exit, seen.json()["error"]["code"].as_str()), (Some(2), Some("answer_unknown")));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn one_answer_is_shown_with_all_that_led_to_it() {
    let folder = written();
    let seen = log(folder.path(), &["show", "03"]);
    let order = [
        "ans_03000000000000000000000000000000  ok\n",
        "4 turns · 3 code attempts",
        "❯ Question 3: which region grew\n❯ fastest?\n",
        "I'll load the file first.",
        "│ import pandsa\n",
        "ModuleNotFoundError: No module named 'pandsa'\nhint: pandas is installed\n",
        "The module is called",
        "4 rows\na warning\n",
        "[image/png, 70 B]\n",
        "   a\n0  1\n",
        "→ plot.png  70 B\n",
        "call-denied: exec is not allowed",
        "── bash · ",
        "5 sales.csv\n",
        "North",
    ];
    let mut rest = seen.stdout.as_str();
    for part in order {
        let at =
            rest.find(part).unwrap_or_else(|| panic!("{part:?} is not where it belongs in\n{}", seen.stdout));
        rest = &rest[at + part.len()..];
    }
    assert!(seen.exit == Some(0) && !seen.stdout.contains('\u{1b}'), "{seen:?}");

    let json = log(folder.path(), &["show", "ans_02", "--json"]).json();
    assert_eq!((&json["status"], &json["error"]["code"]), (&"deadline".into(), &"deadline".into()));
    assert_eq!(json["executions"][1]["outcome"]["results"][0]["data"]["image/png"], samples::PNG);
    let person = log(folder.path(), &["show", "02"]).stdout;
    assert!(person.contains("deadline: 60 s are over\nhint: allow more\n"), "{person}");
    let open = log(folder.path(), &["show", "last"]).stdout;
    assert!(open.contains("incomplete") && open.contains("still open"), "{open}");

    let coloured = {
        let mut command = belljar();
        command.args(["log", "show", "03", "--data-dir"]).arg(folder.path()).env("CLICOLOR_FORCE", "1");
        Seen::from(command.output().unwrap()).stdout
    };
    assert!(
        coloured.contains("\u{1b}[32mok\u{1b}[0m") && coloured.contains("\u{1b}[35mimport\u{1b}[0m"),
        "{coloured}"
    );
}

#[test]
fn ids_that_mean_nothing_or_too_much_are_refused() {
    let folder = written();
    for (id, code, part) in [
        ("0", "answer_ambiguous", "ans_03000000000000000000000000000000"),
        ("ff", "answer_unknown", "ff"),
        ("05", "answer_unknown", "05"),
        ("nope!", "answer_id", "nope!"),
    ] {
        let seen = log(folder.path(), &["show", id, "--json"]);
        let json = seen.json();
        assert_eq!((seen.exit, json["error"]["code"].as_str()), (Some(2), Some(code)), "{seen:?}");
        assert!(
            json["error"]["message"].as_str().unwrap().contains(part) && json["error"]["hint"].is_string(),
            "{json}"
        );
        let person = log(folder.path(), &["export", id, "--to", "html"]);
        assert!(
            person.exit == Some(2) && person.stderr.contains("hint:") && person.stdout.is_empty(),
            "{person:?}"
        );
    }
    for args in [
        &["export", "last"][..],
        &["export", "last", "--to", "pdf"],
        &["prune"],
        &["prune", "--older-than", "30y"],
        &["rm"],
    ] {
        assert_eq!(log(folder.path(), args).exit, Some(2), "{args:?}");
    }
}

#[test]
fn answers_become_files() {
    let folder = written();
    let notebook = log(folder.path(), &["export", "03", "--to", "notebook"]).json();
    assert_eq!((&notebook["nbformat"], notebook["cells"].as_array().unwrap().len()), (&4.into(), 8));
    assert!(log(folder.path(), &["export", "03", "--to", "html"]).stdout.starts_with("<!DOCTYPE html>"));
    assert!(
        log(folder.path(), &["export", "03", "--to", "markdown"]).stdout.contains("](data:image/png;base64,")
    );

    let out = tempfile::tempdir().unwrap();
    let file = |name: &str| out.path().join(name).display().to_string();
    for (kind, name) in [("notebook", "a.ipynb"), ("html", "a.html"), ("markdown", "a.md")] {
        let seen = log(folder.path(), &["export", "03", "--to", kind, "--out", &file(name)]);
        assert_eq!((seen.exit, seen.stdout.as_str(), seen.stderr.as_str()), (Some(0), "", ""), "{seen:?}");
    }
    let text = std::fs::read_to_string(file("a.md")).unwrap();
    assert!(
        text.contains("](<a-1.png>)") && std::fs::read(file("a-1.png")).unwrap().starts_with(b"\x89PNG"),
        "{text}"
    );
    assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 4);
    let seen = log(folder.path(), &["export", "03", "--to", "html", "--out", &file("none/a.html")]);
    assert!(seen.exit == Some(125) && seen.stderr.contains("no such file or directory"), "{seen:?}");
}

#[test]
fn answers_are_removed_one_by_one_or_by_age() {
    let folder = written();
    assert_eq!(log(folder.path(), &["rm", "03", "last"]).stdout.lines().count(), 2);
    assert_eq!(log(folder.path(), &["prune", "--older-than", "1d"]).stdout, "removed 0 answers\n");
    assert_eq!(
        log(folder.path(), &["prune", "--older-than", "1d", "--keep", "1"]).stdout,
        "removed 1 answer\n"
    );
    let left = log(folder.path(), &["--json"]).json();
    let ids: Vec<&str> = left.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["ans_02000000000000000000000000000000"]);
}

#[test]
fn a_journal_that_cannot_be_used_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.sqlite");
    std::fs::write(&path, "this was a journal once ".repeat(100)).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let seen = log(folder.path(), &["--json"]);
    assert_eq!(
        (seen.exit, seen.json()["error"]["code"].as_str()),
        (Some(125), Some("journal_damaged")),
        "{seen:?}"
    );
    let person = log(folder.path(), &[]);
    assert!(
        person.stderr.contains("error: cannot read the journal") && person.stderr.contains("hint: move"),
        "{person:?}"
    );
}
