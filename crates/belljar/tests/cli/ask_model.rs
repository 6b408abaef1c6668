//! `belljar ask` with a model behind a socket: keys stay where they are, and Ctrl-C reaches everything.

#[path = "../../../agent/tests/mock/mod.rs"]
mod mock;

use crate::ask::{ask, tape};
use crate::program::{Seen, can_run};
use mock::server::Server;
use protocol::{AgentEvent, Answer, AnswerStatus, Status};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

const KEY: &str = "sk-ant-secret-of-this-test";

/// A server that follows these steps, and the runtime that it lives in.
fn server(steps: Vec<Value>) -> (Runtime, Server) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = runtime.block_on(mock::start(steps));
    (runtime, server)
}

fn ask_server(server: &Server, args: &[&str]) -> Command {
    let mut command = ask(&[&["--model", "anthropic:claude-test"], args].concat());
    command.env("ANTHROPIC_API_KEY", KEY).env("ANTHROPIC_BASE_URL", server.url());
    command
}

fn run_code(code: &str) -> Value {
    json!({"type": "tool_use", "id": "toolu_1", "name": "run_code", "input": {"code": code}})
}

fn interrupt(child: &Child) {
    kill_process(Pid::from_child(child), Signal::INT).expect("signal");
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_key_reaches_the_model_and_nobody_else() {
    if !can_run() {
        return;
    }
    let code = "import os\nprint(sorted(os.environ.items()))\nprint(open('/proc/self/environ').read())";
    let (_runtime, server) = server(vec![
        json!({"content": [{"type": "text", "text": "I look."}, run_code(code)], "stop_reason": "tool_use"}),
        json!({"content": [{"type": "text", "text": "No key is there."}]}),
    ]);
    let out = tempfile::tempdir().unwrap();
    let record = out.path().join("tape.json");
    let args = ["Is there a key?", "--events", "--record", record.to_str().unwrap()];
    let seen = Seen::from(ask_server(&server, &args).output().unwrap());
    assert_eq!(seen.exit, Some(0), "{seen:?}");
    let received = server.received();
    assert!(received[0].headers.iter().any(|(_, value)| value.contains(KEY)), "{received:?}");
    assert!(
        seen.stdout.contains("PATH") && !seen.stdout.contains(KEY) && !seen.stderr.contains(KEY),
        "{seen:?}"
    );
    assert!(!received.iter().any(|request| request.body.to_string().contains(KEY)), "{received:?}");
    assert!(!std::fs::read_to_string(record).unwrap().contains(KEY));
}

#[test]
fn a_configured_model_is_asked_with_its_own_key() {
    let (_runtime, server) = server(vec![json!({"message": {"role": "assistant", "content": "Hello."}})]);
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("config.toml");
    let text = format!(
        "default_model = \"house\"\n[models.house]\nprovider = \"openai-chat\"\nmodel = \"m\"\n\
         base_url = \"{}/v1\"\nkey_env = \"HOUSE_KEY\"\nprices = {{ input = 1.0, output = 2.0, cache_read = 0.1, cache_write = 1.0 }}\n",
        server.url()
    );
    std::fs::write(&config, text).unwrap();
    let config = config.to_str().unwrap();
    let without = Seen::from(ask(&["Say hello.", "--config", config]).output().unwrap());
    assert!(without.exit == Some(2) && without.stderr.contains("HOUSE_KEY is not set"), "{without:?}");
    let seen = Seen::from(ask(&["Say hello.", "--config", config]).env("HOUSE_KEY", KEY).output().unwrap());
    assert_eq!((seen.exit, seen.stdout.as_str()), (Some(0), "Hello.\n"), "{seen:?}");
    assert!(
        seen.stderr.contains("1 turn · 0 code attempts · ") && seen.stderr.contains(" · $0."),
        "{seen:?}"
    );
    let bearer = format!("Bearer {KEY}");
    assert_eq!(server.received()[0].header("authorization"), Some(bearer.as_str()));
}

#[test]
fn an_interrupt_ends_the_models_reply() {
    if !can_run() {
        return;
    }
    let text = "word ".repeat(200);
    let (_runtime, server) =
        server(vec![json!({"content": [{"type": "text", "text": text}], "pause_ms": 200})]);
    let child = ask_server(&server, &["Talk."]).spawn().unwrap();
    wait_until("the model is asked", || !server.received().is_empty());
    std::thread::sleep(Duration::from_secs(1));
    interrupt(&child);
    let began = Instant::now();
    let seen = Seen::from(child.wait_with_output().unwrap());
    assert!(seen.exit == Some(130) && seen.stderr.contains("cancelled"), "{seen:?}");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    wait_until("the connection is closed", || server.hung_up() == 1);
}

/// Waits for code that says `up`; gives back the rest of what it prints.
fn until_up(child: &mut Child) -> BufReader<std::process::ChildStdout> {
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("\"text\":\"up\\n\"") {
        line.clear();
        assert!(reader.read_line(&mut line).unwrap() > 0, "it ended before it was up");
    }
    reader
}

#[test]
fn an_interrupt_ends_the_code_and_tells_what_there_is() {
    if !can_run() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let code = "import time\nprint('up', flush=True)\ntime.sleep(60)";
    let model = tape(dir.path(), &[("I wait.", Some(code)), ("Never said.", None)]);
    let mut child = ask(&["Wait.", "--events", "--model", &model]).spawn().unwrap();
    let mut reader = until_up(&mut child);
    interrupt(&child);
    let mut rest = String::new();
    reader.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let events: Vec<AgentEvent> = rest.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let Some(AgentEvent::Answer { answer }) = events.last() else { panic!("no answer: {events:?}") };
    let Answer { status, answer, executions, .. } = answer.as_ref();
    assert_eq!((*status, answer.as_str()), (AnswerStatus::Cancelled, "I wait."));
    assert_eq!(executions[0].outcome.status, Status::Cancelled);
}

#[test]
fn a_second_interrupt_ends_it_at_once() {
    if !can_run() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let deaf = "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nprint('up', flush=True)\nwhile True: time.sleep(1)";
    let model = tape(dir.path(), &[("", Some(deaf))]);
    let mut child = ask(&["Wait.", "--events", "--model", &model]).spawn().unwrap();
    let _reader = until_up(&mut child);
    let began = Instant::now();
    interrupt(&child);
    std::thread::sleep(Duration::from_millis(200));
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn a_model_that_cannot_be_had_is_named_with_what_to_do() {
    let (_runtime, server) = server(vec![json!({
        "status": 401, "error": {"type": "authentication_error", "message": "invalid x-api-key"},
    })]);
    let seen = Seen::from(ask_server(&server, &["x"]).stdin(Stdio::null()).output().unwrap());
    assert!(seen.exit == Some(1) && seen.stdout.is_empty(), "{seen:?}");
    assert!(seen.stderr.contains("error: cannot ") && seen.stderr.contains("hint: "), "{seen:?}");
    assert!(!seen.stderr.contains(KEY), "{seen:?}");
}
