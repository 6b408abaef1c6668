//! Verdicts, as a table: what was seen, and what an outcome says about it.

use super::*;

fn facts(finish: Finish) -> Facts {
    let language = Language::Python;
    let (raised, one_shot, failure) = Default::default();
    let (command, memory_bytes) = (false, 512 << 20);
    Facts { finish, stop: None, raised, oom: false, memory_bytes, language, one_shot, command, failure }
}

fn done(status: DriverStatus, exit_code: i32) -> Finish {
    Finish::Ended(End::Done { status, exit_code })
}

fn exit(exit: Exit) -> Finish {
    Finish::Ended(End::Exited(exit))
}

fn raised(name: &str) -> Option<Raised> {
    Some(Raised { name: name.to_owned(), message: "m".to_owned(), line: Some(3), ..Raised::default() })
}

fn demise(exit: Option<Exit>, errno: Option<i32>) -> Finish {
    Finish::ContextEnded(Demise { exit, failure: Some("why".to_owned()), errno })
}

/// What was seen, in words and as facts, and the verdict: status, exit code, category, name, the context's fate.
type Row = (&'static str, Facts, &'static str);

fn stopped_by(stop: Stop, finish: Finish) -> Facts {
    Facts { stop: Some(stop), ..facts(finish) }
}

fn with(name: &str, finish: Finish) -> Facts {
    Facts { raised: raised(name), ..facts(finish) }
}

fn oom(facts: Facts) -> Facts {
    Facts { oom: true, ..facts }
}

fn errno(number: i32) -> Facts {
    let mut facts = with("OSError", done(DriverStatus::Error, 1));
    facts.raised.iter_mut().for_each(|raised| raised.errno = Some(number));
    facts
}

fn rows_of_drivers() -> Vec<Row> {
    use DriverStatus::{Error, Exit, Ok};
    vec![
        ("ran", facts(done(Ok, 0)), "ok 0 alive"),
        ("exit 0", facts(done(Exit, 0)), "ok 0 alive"),
        ("exit 3", facts(done(Exit, 3)), "error 3 exception ExitCode alive"),
        ("exit -1", facts(done(Exit, -1)), "error 255 exception ExitCode alive"),
        ("exit 256", facts(done(Exit, 256)), "ok 0 alive"),
        ("false", facts(done(Ok, 1)), "error 1 exception ExitCode alive"),
        ("mute error", facts(done(Error, 0)), "error 1 exception ExitCode alive"),
        ("raised", with("KeyError", done(Error, 1)), "error 1 exception KeyError alive"),
        ("raised, ok", with("KeyError", done(Ok, 0)), "error 1 exception KeyError alive"),
        ("full disk", errno(28), "error 1 limit OSError alive"),
        ("large file", errno(27), "error 1 limit OSError alive"),
        ("many files", errno(24), "error 1 limit OSError alive"),
        ("many processes", errno(11), "error 1 limit OSError alive"),
        ("no file", errno(2), "error 1 exception OSError alive"),
    ]
}

fn rows_of_memory() -> Vec<Row> {
    use DriverStatus::{Error, Ok};
    let lost = || facts(Finish::Lost(String::new()));
    let killed = || facts(exit(Exit::Signal(9)));
    vec![
        ("raised", with("MemoryError", done(Error, 1)), "out_of_memory 137 out_of_memory MemoryError alive"),
        (
            "numpy",
            with("_ArrayMemoryError", done(Error, 1)),
            "out_of_memory 137 out_of_memory _ArrayMemoryError alive",
        ),
        (
            "child",
            oom(with("BrokenPool", done(Error, 1))),
            "out_of_memory 137 out_of_memory OutOfMemory alive",
        ),
        ("child of bash", oom(facts(done(Ok, 137))), "out_of_memory 137 out_of_memory OutOfMemory alive"),
        ("child, handled", oom(facts(done(Ok, 0))), "ok 0 alive"),
        ("interpreter", oom(killed()), "out_of_memory 137 out_of_memory OutOfMemory dead"),
        (
            "watched",
            facts(Finish::Ended(End::OutOfMemory)),
            "out_of_memory 137 out_of_memory OutOfMemory dead",
        ),
        (
            "watched, idle",
            facts(demise(Some(Exit::Signal(9)), Some(12))),
            "out_of_memory 137 out_of_memory OutOfMemory dead",
        ),
        ("everything", oom(lost()), "out_of_memory 137 out_of_memory OutOfMemory dead"),
    ]
}

fn rows_of_processes() -> Vec<Row> {
    use Exit::{Code, Signal};
    vec![
        ("os._exit(4)", facts(exit(Code(4))), "error 4 exception InterpreterExited dead"),
        ("os._exit(0)", facts(exit(Code(0))), "ok 0 dead"),
        ("segfault", facts(exit(Signal(11))), "killed 139 exception InterpreterKilled dead"),
        ("kill -9", facts(exit(Signal(9))), "killed 137 exception InterpreterKilled dead"),
        ("broken", facts(Finish::Ended(End::Broken)), "killed 137 sandbox DriverBroken dead"),
        ("lost", facts(Finish::Lost("x".to_owned())), "lost 137 sandbox SandboxLost dead"),
        ("walls", facts(Finish::WallsDown("x".to_owned())), "lost 126 sandbox WallsDown dead"),
        ("no node", facts(demise(None, Some(2))), "error 127 sandbox InterpreterMissing dead"),
        ("no room", facts(demise(None, Some(11))), "error 127 limit ContextLimit dead"),
        ("killed for it", facts(demise(Some(Signal(9)), Some(11))), "error 127 limit ContextLimit dead"),
        ("no start", facts(demise(None, None)), "error 127 sandbox ContextFailed dead"),
        ("early", facts(demise(Some(Signal(11)), None)), "killed 139 exception InterpreterKilled dead"),
    ]
}

fn rows_of_stops() -> Vec<Row> {
    let raised = || done(DriverStatus::Error, 1);
    let (timeout, killed) = (Stop::Timeout(1), exit(Exit::Signal(9)));
    let caught = done(DriverStatus::Ok, 0);
    vec![
        ("interrupted", stopped_by(timeout, raised()), "timeout 124 timeout TimeoutError alive"),
        ("caught it", stopped_by(timeout, caught), "timeout 124 timeout TimeoutError alive"),
        ("killed", stopped_by(timeout, killed), "timeout 124 timeout TimeoutError dead"),
        ("destroyed", stopped_by(timeout, Finish::Destroyed), "timeout 124 timeout TimeoutError dead"),
        ("cpu", stopped_by(Stop::Cpu(1), raised()), "timeout 124 timeout CpuTimeoutError alive"),
        ("cancelled", stopped_by(Stop::Cancelled, raised()), "cancelled 130 exception Cancelled alive"),
        ("never up", stopped_by(Stop::Startup, Finish::Destroyed), "lost 127 sandbox StartTimeout dead"),
    ]
}

#[test]
fn every_end_has_its_verdict() {
    let word = |value: serde_json::Value| value.as_str().unwrap().to_owned();
    let rows = [rows_of_drivers(), rows_of_memory(), rows_of_processes(), rows_of_stops()];
    for (what, facts, expected) in rows.into_iter().flatten() {
        let verdict = judge(facts);
        let mut seen =
            format!("{} {}", word(serde_json::to_value(verdict.status).unwrap()), verdict.exit_code);
        if let Some(error) = &verdict.error {
            let category = word(serde_json::to_value(error.category).unwrap());
            seen += &format!(" {category} {}", error.name);
        }
        seen += if verdict.context_alive { " alive" } else { " dead" };
        assert_eq!(seen, expected, "{what}");
    }
}

#[test]
fn hints_say_what_is_left() {
    for (facts, part) in [
        (Facts { stop: Some(Stop::Timeout(1500)), ..facts(done(DriverStatus::Error, 1)) }, "lives on"),
        (Facts { stop: Some(Stop::Timeout(1500)), ..facts(exit(Exit::Signal(9))) }, "files are still there"),
        (Facts { stop: Some(Stop::Timeout(1500)), ..facts(Finish::Destroyed) }, "files are gone"),
        (Facts { stop: Some(Stop::Timeout(1500)), one_shot: true, ..facts(Finish::Destroyed) }, "do less"),
    ] {
        let error = judge(facts).error.unwrap();
        assert!(error.hint.clone().unwrap().contains(part), "{error:?}");
        assert!(error.message.contains("1.5 s"), "{error:?}");
    }
}

#[test]
fn a_timeout_tells_where_the_code_was() {
    let mut facts = facts(done(DriverStatus::Error, 1));
    facts.stop = Some(Stop::Timeout(1));
    facts.raised = raised("KeyboardInterrupt");
    facts.raised.as_mut().unwrap().traceback = vec!["\u{1b}[1mline 3\u{1b}[0m".to_owned()];
    let error = judge(facts).error.unwrap();
    assert_eq!((error.line, error.traceback), (Some(3), vec!["line 3".to_owned()]));
}

#[test]
fn exceptions_are_told_within_bounds() {
    let traceback = (0..1000).map(|n| format!("line {n} {}", "x".repeat(10_000))).collect();
    let message = "\u{1b}[31m".to_owned() + &"ü".repeat(100_000);
    let huge = Raised { name: "N".repeat(1000), message, traceback, ..Raised::default() };
    let error = told(&huge, Language::Python);
    assert!(error.name.len() <= NAME_BYTES_MAX + 3);
    assert!(error.message.len() <= MESSAGE_BYTES_MAX + 3 && error.message.starts_with('ü'));
    assert_eq!(error.traceback.len(), TRACEBACK_LINES_MAX + 1);
    assert!(error.traceback.iter().all(|line| line.len() <= LINE_BYTES_MAX + 3));
    assert_eq!(error.traceback[50], "… 900 lines left out …");
}
