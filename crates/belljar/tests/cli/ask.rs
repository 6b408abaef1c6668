//! `belljar ask` with recorded replies: the code really runs.

use crate::program::{Seen, belljar, can_run, end_of};
use protocol::{AgentEvent, Answer, AnswerStatus, EventKind, Status};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub fn recording(name: &str) -> String {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../../examples/recordings/{name}.json"));
    format!("recording:{}", path.display())
}

/// `ask` with nothing of this machine's environment that could answer.
pub fn ask(args: &[&str]) -> Command {
    let mut command = belljar();
    command.arg("ask").args(args).args(["--template", "python", "--memory", "256M"]);
    for key in ["ANTHROPIC_API_KEY", "OPENAI_API_KEY", "ANTHROPIC_BASE_URL", "OPENAI_BASE_URL"] {
        command.env_remove(key);
    }
    command.env("OLLAMA_HOST", "127.0.0.1:1");
    command
}

fn asked(args: &[&str]) -> Seen {
    Seen::from(ask(args).output().expect("start belljar"))
}

/// A recording of these turns, each with the code that it wants run.
pub fn tape(dir: &Path, turns: &[(&str, Option<&str>)]) -> String {
    let turn = |(text, code): &(&str, Option<&str>)| {
        let calls: Vec<Value> = code.iter().map(|code| json!({"name": "run_code", "code": code})).collect();
        json!({"text": text, "calls": calls, "tokens": {"input": 1000, "output": 20, "cache_read": 500}})
    };
    let turns: Vec<Value> = turns.iter().map(turn).collect();
    let path = dir.join("tape.json");
    std::fs::write(&path, json!({"version": 1, "model": "by hand", "turns": turns}).to_string()).unwrap();
    format!("recording:{}", path.display())
}

const DAYS: &str = "How many days are there from 2024-02-10 to 2026-11-21?";
const SECONDS: &str = "How many seconds are there from 2026-01-01 00:00 to 2026-11-21 12:00 UTC?";

#[test]
fn in_a_pipe_the_answer_is_all_of_standard_output() {
    if !can_run() {
        return;
    }
    // Recording, question, more arguments, a part of standard output (all of it where a line ends), parts of the rest.
    type Case<'a> = (&'a str, &'a str, &'a [&'a str], &'a str, &'a [&'a str]);
    let cases: [Case<'_>; 3] = [
        (
            "wrong-module",
            DAYS,
            &[],
            "There are **1015 days** from 2024-02-10 to 2026-11-21.\n",
            &[
                "│ from date_time import date",
                "error[import]: ",
                "The module is called datetime.",
                "3 turns · 2 code attempts · ",
            ],
        ),
        (
            "denied-import",
            SECONDS,
            &["--policy", "strict"],
            "There are **28036800 seconds** between them.\n",
            &[
                "code:1:8: import-not-allowed: ",
                "denied by the policy strict: nothing ran",
                "28036800",
                "3 turns · 1 code attempt · ",
            ],
        ),
        (
            "out-of-memory",
            "Sort two billion random 64-bit numbers in memory and tell me the median.",
            &[],
            "memory",
            &["error[out_of_memory]: ", "warning: the answer is degraded", "4 turns · 3 code attempts · "],
        ),
    ];
    for (name, prompt, args, stdout, stderr) in cases {
        let seen = asked(&[&[prompt, "--model", &recording(name)], args].concat());
        assert_eq!(seen.exit, Some(0), "{name}: {seen:?}");
        assert!(
            seen.stdout.contains(stdout) && (!stdout.ends_with('\n') || seen.stdout == stdout),
            "{name}: {seen:?}"
        );
        for part in stderr {
            assert!(seen.stderr.contains(part), "{name}: {part:?}: {seen:?}");
        }
        assert!(
            !seen.stderr.contains('\x1b') && !seen.stderr.contains(seen.stdout.trim_end()),
            "{name}: {seen:?}"
        );
    }
    let quiet = asked(&[DAYS, "--quiet", "--model", &recording("wrong-module")]);
    let said: Vec<&str> = quiet.stderr.lines().filter(|line| !line.starts_with("warning: weak")).collect();
    assert_eq!((quiet.stdout.lines().count(), said.len()), (1, 0), "{quiet:?}");
}

#[test]
fn json_is_one_answer_and_events_end_with_the_same() {
    if !can_run() {
        return;
    }
    let model = recording("wrong-module");
    let seen = asked(&[DAYS, "--json", "--model", &model]);
    let answer: Answer = serde_json::from_value(seen.json()).unwrap();
    assert_eq!((seen.exit, seen.stderr.as_str(), answer.status), (Some(0), "", AnswerStatus::Ok), "{seen:?}");
    assert_eq!((answer.code_attempts, answer.turns.len(), answer.prompt.as_str()), (2, 3, DAYS));
    let ends: Vec<Status> = answer.executions.iter().map(|run| run.outcome.status).collect();
    assert_eq!(ends, [Status::Error, Status::Ok]);
    assert_eq!(answer.executions[1].outcome.stdout, "1015\n");
    for key in ["prompt", "answer", "turns", "code_attempts", "usage", "cost_usd", "status", "executions"] {
        assert!(seen.json().get(key).is_some(), "{key}");
    }

    let seen = asked(&[DAYS, "--events", "--model", &model]);
    let events: Vec<AgentEvent> =
        seen.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(
        matches!(events.first(), Some(AgentEvent::Started { prompt, .. }) if prompt == DAYS),
        "{events:?}"
    );
    let Some(AgentEvent::Answer { answer: last }) = events.last() else { panic!("no answer: {events:?}") };
    assert_eq!((seen.exit, last.status, &last.answer), (Some(0), AnswerStatus::Ok, &answer.answer));
    let prints = |event: &AgentEvent| matches!(event, AgentEvent::Execution { event, .. } if matches!(&event.kind, EventKind::Stdout { text } if text == "1015\n"));
    assert!(events.iter().any(prints), "{events:?}");
}

#[test]
fn what_is_wrong_with_a_question_is_told_before_anything_starts() {
    let dir = tempfile::tempdir().unwrap();
    let fine = tape(dir.path(), &[("x", None)]);
    let odd = dir.path().join("odd.toml");
    std::fs::write(&odd, "[models.mine]\nprovider = \"openai\"\napi_key = \"sk-secret\"\n").unwrap();
    let odd = odd.to_str().unwrap();
    let cases: [(&[&str], &str, &str); 18] = [
        (&["", "--model", &fine], "empty_prompt", "the question is empty"),
        (&["-", "--model", &fine], "empty_prompt", "the question is empty"),
        (&["x"], "model_missing", "no key is set"),
        (&["x", "--model", "anthropic:m"], "model_no_key", "ANTHROPIC_API_KEY"),
        (&["x", "--model", "mystery"], "model_unknown", "mystery"),
        (&["x", "--model", "recording:/no/such"], "recording_unusable", "/no/such"),
        (&["x", "--model", &fine, "--system", "/no/such"], "unreadable", "/no/such"),
        (&["x", "--model", &fine, "--file", "/no/such"], "unreadable", "/no/such"),
        (&["x", "--model", &fine, "--policy", "lax"], "policy_unknown", "lax"),
        (
            &["x", "--model", &fine, "--record", "/no/such/dir/a.json"],
            "record_unwritable",
            "/no/such/dir/a.json",
        ),
        (&["x", "--model", &fine, "--deadline", "soon"], "limits", "--deadline \"soon\""),
        (&["x", "--model", &fine, "--deadline", "0"], "limits", "--deadline"),
        (&["x", "--model", &fine, "--max-turns", "0"], "usage", "--max-turns"),
        (&["x", "--model", &fine, "--max-cost", "-1"], "usage", "--max-cost"),
        (&["x", "--model", &fine, "--mode", "magic"], "usage", "magic"),
        (&["x", "--model", "mine", "--config", odd], "config", "odd.toml:3: unknown field `api_key`"),
        (&["--model", &fine], "usage", "PROMPT"),
        (&["--bogus", "--model", &fine], "usage", "--bogus"),
    ];
    for (args, code, part) in cases {
        let seen = asked(&[args, &["--json"]].concat());
        assert_eq!((seen.exit, seen.stderr.as_str()), (Some(2), ""), "{args:?}: {seen:?}");
        let error = &seen.json()["error"];
        assert_eq!(error["code"], code, "{args:?}: {error}");
        assert!(error.to_string().replace("\\\"", "\"").contains(part), "{args:?}: {error}");
        assert!(!seen.stdout.contains("sk-secret"), "{seen:?}");
    }
    let person = asked(&["x"]);
    assert!(person.stderr.contains("hint: set ANTHROPIC_API_KEY or OPENAI_API_KEY"), "{person:?}");
}

#[test]
fn what_ends_an_answer_is_its_exit_code() {
    if !can_run() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let endless = tape(dir.path(), &[("", Some("1")), ("", Some("2")), ("", Some("3"))]);
    let seen = asked(&["x", "--model", &endless, "--max-tokens", "2000"]);
    assert!(seen.exit == Some(1) && seen.stderr.contains("error: cannot "), "{seen:?}");
    let differs = asked(&["another question", "--model", &recording("statistics"), "--json"]);
    assert_eq!(
        (differs.exit, differs.json()["status"].as_str()),
        (Some(1), Some("model_failed")),
        "{differs:?}"
    );
    let nowhere = asked(&["x", "--model", &endless, "--backend", "nope", "--json"]);
    assert_eq!(nowhere.exit, Some(127), "{nowhere:?}");
}

#[test]
fn a_recording_of_a_recording_answers_alike() {
    if !can_run() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("copy.json");
    let first = asked(&[DAYS, "--model", &recording("wrong-module"), "--record", copy.to_str().unwrap()]);
    let again = asked(&[DAYS, "--model", &format!("recording:{}", copy.display())]);
    assert_eq!((again.exit, &again.stdout), (Some(0), &first.stdout), "{again:?}");
}

#[test]
fn the_conversation_goes_on_in_the_same_interpreter() {
    if !can_run() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let model = tape(
        dir.path(),
        &[("", Some("x = 20")), ("Kept.", None), ("", Some("print(x + 22)")), ("It is 42.", None)],
    );
    let two = end_of(ask(&["--interactive", "--model", &model]), "Keep 20.\n\nAdd 22.\nexit\nNever asked.\n");
    assert_eq!((two.exit, two.stdout.as_str()), (Some(0), "Kept.\nIt is 42.\n"), "{two:?}");
    assert!(two.stderr.contains("42\n"), "{two:?}");
    let first = end_of(ask(&["Keep 20.", "--interactive", "--json", "--model", &model]), "Add 22.\n");
    let answers: Vec<Answer> = first.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.iter().map(|one| one.answer.as_str()).collect::<Vec<_>>(), ["Kept.", "It is 42."]);
    assert_eq!(answers[1].executions[0].outcome.stdout, "42\n");
}

#[test]
fn files_go_in_and_come_out_and_instructions_come_along() {
    if !can_run() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (notes, out) = (dir.path().join("notes.txt"), dir.path().join("out"));
    std::fs::write(&notes, "hello").unwrap();
    let code = "text = open('notes.txt').read()\nopen('loud.txt', 'w').write(text.upper())\nNone";
    let model = tape(dir.path(), &[("", Some(code)), ("Done.", None)]);
    let question = dir.path().join("question");
    std::fs::write(&question, "Make it loud.\n").unwrap();
    let (notes, target) = (notes.to_str().unwrap(), out.to_str().unwrap());
    let mut command = ask(&["-", "--model", &model, "--file", notes, "--out", target, "--system", notes]);
    let seen =
        Seen::from(command.stdin(Stdio::from(std::fs::File::open(&question).unwrap())).output().unwrap());
    assert_eq!((seen.exit, seen.stdout.as_str()), (Some(0), "Done.\n"), "{seen:?}");
    assert_eq!(std::fs::read_to_string(out.join("loud.txt")).unwrap(), "HELLO");
    assert!(seen.stderr.contains("loud.txt  5 B"), "{seen:?}");

    std::fs::remove_file(out.join("loud.txt")).unwrap();
    std::fs::create_dir(out.join("loud.txt")).unwrap();
    let seen = asked(&["x", "--json", "--model", &model, "--file", notes, "--out", target]);
    let answer: Answer = serde_json::from_value(seen.json()).expect("one answer and nothing else");
    assert_eq!((seen.exit, answer.answer.as_str()), (Some(125), "Done."), "{seen:?}");
    assert!(seen.stderr.contains("error: cannot write"), "{seen:?}");
}

#[test]
fn direct_mode_shows_the_program_and_answers_with_its_output() {
    if !can_run() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let model = tape(dir.path(), &[("```python\nprint(6 * 7)\n```", None)]);
    let seen = asked(&["Six by seven?", "--mode", "direct", "--model", &model]);
    assert_eq!((seen.exit, seen.stdout.as_str()), (Some(0), "42\n"), "{seen:?}");
    assert!(seen.stderr.contains("│ print(6 * 7)") && !seen.stderr.contains("```"), "{seen:?}");
}

#[test]
fn failed_code_is_undone_and_the_best_of_several_is_kept() {
    if !can_run() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let half = "rows = [1]; open('half.txt', 'w').close()\n1 / 0";
    let model =
        tape(dir.path(), &[("", Some(half)), ("", Some("print('rows' in globals())")), ("No.", None)]);
    let out = dir.path().join("out");
    let out = out.to_str().unwrap();
    for (args, printed) in [(&[][..], "False\n"), (&["--keep-failed"], "True\n")] {
        let seen = asked(&[&["x", "--json", "--model", &model, "--out", out], args].concat());
        let answer: Answer = serde_json::from_value(seen.json()).unwrap();
        assert_eq!((seen.exit, answer.executions[1].outcome.stdout.as_str()), (Some(0), printed), "{seen:?}");
    }
    let good = "import time; time.sleep(1)\nopen('good.txt', 'w').write('good'); print('good')";
    let model = tape(dir.path(), &[("First.", Some(half)), ("Second.", Some(good)), ("Good.", None)]);
    let seen = asked(&["x", "--best-of", "2", "--model", &model, "--out", out]);
    assert_eq!((seen.exit, seen.stdout.as_str()), (Some(0), "Good.\n"), "{seen:?}");
    let order = ["ZeroDivisionError", "Second.", "│ open('good.txt'", "2 turns · 2 code attempts · "];
    let places: Vec<_> = order.iter().map(|part| seen.stderr.find(part)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}: {seen:?}");
    assert_eq!(std::fs::read_to_string(dir.path().join("out/good.txt")).unwrap(), "good");
    let seen = asked(&["x", "--best-of", "9", "--model", &model]);
    assert_eq!(seen.exit, Some(2), "{seen:?}");
}
