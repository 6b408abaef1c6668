//! Promises that a program cannot check for itself: what its outcome, its files and the host look like afterwards.

use crate::host;
use crate::program::Program;
use crate::scene::{Stage, told};
use protocol::guest::EntryKind;
use protocol::{Category, Level, Outcome};
use std::time::Duration;

/// What `proc_daemons` calls its processes.
const DAEMON: &str = "belljar-daemon";

/// Checks what belongs to the program of this name; most have nothing here.
pub async fn check(program: &Program, stage: &Stage, outcome: &Outcome) -> Result<(), String> {
    match program.name.as_str() {
        "chan_forged_done" => forged(outcome),
        "chan_output_flood" => flood(program, outcome),
        "chan_huge_result" => huge(outcome),
        "chan_result_flood" => results(program, outcome),
        "fs_planted_links" => planted(stage, outcome).await,
        "limit_time" => expect(outcome.context_alive, "the context lives on", outcome),
        "limit_time_ignored" => expect(!outcome.context_alive, "the context is gone", outcome),
        "limit_memory" | "limit_memory_of_children" => memory(outcome),
        // Processes of a kernel in user space are none of the host's.
        "proc_daemons" if outcome.isolation.as_ref().is_some_and(|one| one.level != Level::SharedKernel) => {
            Ok(())
        }
        "proc_daemons" => daemons(stage),
        _ => Ok(()),
    }
}

/// Checks what must be gone from the host with the sandbox of a program.
pub fn check_host(program: &Program, room: host::Process) -> Result<(), String> {
    match program.name.as_str() {
        "proc_daemons" => host::nobody_called(DAEMON, room),
        _ => Ok(()),
    }
}

fn expect(holds: bool, what: &str, outcome: &Outcome) -> Result<(), String> {
    if holds { Ok(()) } else { Err(format!("{what}: {}", told(outcome))) }
}

fn forged(outcome: &Outcome) -> Result<(), String> {
    let text = serde_json::to_string(outcome).map_err(|error| error.to_string())?;
    expect(!text.contains("forged") && outcome.exit_code != 42, "nothing forged is believed", outcome)
}

fn flood(program: &Program, outcome: &Outcome) -> Result<(), String> {
    let kept = outcome.stdout.len().max(outcome.stderr.len()) as u64;
    // A line tells in the middle what is left out.
    expect(kept <= program.limits.output_bytes + 1024, "no more is kept than was asked for", outcome)?;
    let counted = outcome.truncated.stdout_bytes > 60 << 20 && outcome.truncated.stderr_bytes > 3 << 20;
    expect(counted, "what is left out is counted", outcome)
}

fn huge(outcome: &Outcome) -> Result<(), String> {
    let told = outcome.results.iter().any(|bundle| {
        let text = bundle.data.get("text/plain").and_then(|text| text.as_str()).unwrap_or_default();
        text.len() < 1000 && text.contains("left out")
    });
    expect(told, "the result tells that it was too large", outcome)
}

fn results(program: &Program, outcome: &Outcome) -> Result<(), String> {
    let few = outcome.results.len() <= program.limits.results as usize;
    expect(few && outcome.truncated.results > 0, "results are cut and counted", outcome)
}

fn memory(outcome: &Outcome) -> Result<(), String> {
    let category = outcome.error.as_ref().map(|error| error.category);
    expect(category == Some(Category::OutOfMemory), "the error says that it was memory", outcome)
}

/// Nothing that is listed or read leads out of the workspace.
async fn planted(stage: &Stage, outcome: &Outcome) -> Result<(), String> {
    let links =
        ["innocent.txt", "relative.txt", "environment.txt", "everything", "loop", "queue.csv", "socket.csv"];
    for file in &outcome.files {
        expect(!links.contains(&file.path.as_str()), "only files are collected", outcome)?;
    }
    let files = stage.sandbox.files();
    let entries = files.list(".", 3).await.map_err(|error| format!("list: cannot {error}"))?;
    for entry in entries.iter().filter(|entry| links.contains(&entry.path.as_str())) {
        if entry.kind == EntryKind::File {
            return Err(format!("{} is listed as a file", entry.path));
        }
    }
    for path in links.into_iter().chain(["everything/etc/passwd", "deep/door/etc/passwd"]) {
        let mut read = Vec::new();
        let reading = tokio::time::timeout(Duration::from_secs(5), files.read(path, &mut read)).await;
        match reading {
            Err(_) => return Err(format!("to read {path} takes for ever")),
            Ok(Ok(_)) => return Err(format!("{path} was read: {}", String::from_utf8_lossy(&read))),
            Ok(Err(_)) => {}
        }
    }
    Ok(())
}

/// They are there while their sandbox is.
fn daemons(stage: &Stage) -> Result<(), String> {
    let all = host::inhabitants(stage.room).into_iter();
    match all.filter(|process| process.called() == DAEMON).count() {
        8 => Ok(()),
        count => Err(format!("8 processes should have detached themselves, there are {count}")),
    }
}
