//! Several processes at one file, and one that dies in the middle. The other processes are this test program again.

use crate::samples;
use journal::Journal;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

/// Names the file in a process that a test has started.
const FILE: &str = "BELLJAR_TEST_JOURNAL";
/// Tells such a process which of them it is.
const NUMBER: &str = "BELLJAR_TEST_NUMBER";
const PROCESSES: u128 = 3;
const ANSWERS: u128 = 8;

/// What this process was started to do, if a test has started it.
fn part() -> Option<(PathBuf, u128)> {
    let file = std::env::var_os(FILE)?;
    Some((file.into(), std::env::var(NUMBER).ok()?.parse().ok()?))
}

fn again(test: &str, file: &Path, number: u128) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a program"));
    // Its count of tests is nobody's business; what fails in it is.
    command.args(["--exact", test, "--nocapture"]).stdout(Stdio::null());
    command.env(FILE, file).env(NUMBER, number.to_string());
    command
}

#[tokio::test]
async fn processes_write_at_once() {
    if let Some((file, number)) = part() {
        let journal = Journal::open(&file).await.unwrap();
        for count in 0..ANSWERS {
            let answer = samples::answer(number * 100 + count, &format!("{number}"));
            samples::write(&journal, "ada", &answer).await;
        }
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.sqlite");
    let start = |number| again("processes::processes_write_at_once", &file, number).spawn().unwrap();
    let mut started: Vec<_> = (1..=PROCESSES).map(start).collect();
    let ended: Vec<ExitStatus> = started.iter_mut().map(|child| child.wait().unwrap()).collect();
    assert!(ended.iter().all(ExitStatus::success), "{ended:?}");
    let journal = Journal::open(&file).await.unwrap();
    let all = journal.list("ada", 1000, None).await.unwrap();
    assert_eq!(all.len() as u128, PROCESSES * ANSWERS);
    for one in &all {
        let entry = journal.show("ada", one.id.as_str()).await.unwrap();
        let seen = (entry.complete, entry.answer.turns.len(), entry.answer.executions.len());
        assert_eq!(seen, (true, 4, 4), "{}", one.id);
    }
}

#[tokio::test]
async fn a_program_that_dies_leaves_what_there_was() {
    if let Some((file, number)) = part() {
        let journal = Journal::open(&file).await.unwrap();
        let answer = samples::answer(number, "cut short");
        samples::begin(&journal, "ada", &answer).await;
        journal.turn(&answer.id, &answer.turns[0], &answer.executions[..1]).await.unwrap();
        std::process::abort();
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.sqlite");
    let ended = again("processes::a_program_that_dies_leaves_what_there_was", &file, 5).output().unwrap();
    assert!(!ended.status.success(), "{ended:?}");
    let journal = Journal::open(&file).await.unwrap();
    let entry = journal.show("ada", samples::id(5).as_str()).await.unwrap();
    assert_eq!((entry.complete, entry.status_word().as_str()), (false, "incomplete"));
    assert_eq!(entry.answer.turns, samples::answer(5, "cut short").turns[..1]);
    samples::write(&journal, "ada", &samples::answer(6, "goes on")).await;
}
