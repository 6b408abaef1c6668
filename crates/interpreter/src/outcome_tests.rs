//! Verdicts, as a table: what was seen, and what an outcome says about it.

use super::*;

fn facts(finish: Finish) -> Facts {
    let language = Language::Python;
    Facts { finish, stop: None, raised: None, oom: false, memory_bytes: 512 << 20, language }
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

type Row = (&'static str, Facts, Status, i32, Option<(Category, &'static str)>, bool);

fn rows() -> Vec<Row> {
    use Category::{Exception, Limit, OutOfMemory, Sandbox, Timeout};
    use DriverStatus::{Error, Exit as Exits, Ok};
    let stop = |stop, finish| Facts { stop: Some(stop), ..facts(finish) };
    let oom = |finish| Facts { oom: true, ..facts(finish) };
    let with = |name, finish| Facts { raised: raised(name), ..facts(finish) };
    let both = |name, finish| Facts { oom: true, ..with(name, finish) };
    let errno = |number| {
        let mut facts = with("OSError", done(Error, 1));
        facts.raised.iter_mut().for_each(|raised| raised.errno = Some(number));
        facts
    };
    vec![
        ("ran", facts(done(Ok, 0)), Status::Ok, 0, None, true),
        ("exit 0", facts(done(Exits, 0)), Status::Ok, 0, None, true),
        ("exit 3", facts(done(Exits, 3)), Status::Error, 3, Some((Exception, "ExitCode")), true),
        ("exit -1", facts(done(Exits, -1)), Status::Error, 255, Some((Exception, "ExitCode")), true),
        ("exit 256", facts(done(Exits, 256)), Status::Ok, 0, None, true),
        ("false", facts(done(Ok, 1)), Status::Error, 1, Some((Exception, "ExitCode")), true),
        ("mute error", facts(done(Error, 0)), Status::Error, 1, Some((Exception, "ExitCode")), true),
        ("raised", with("KeyError", done(Error, 1)), Status::Error, 1, Some((Exception, "KeyError")), true),
        ("raised, ok", with("KeyError", done(Ok, 0)), Status::Error, 1, Some((Exception, "KeyError")), true),
        (
            "MemoryError",
            with("MemoryError", done(Error, 1)),
            Status::OutOfMemory,
            137,
            Some((OutOfMemory, "MemoryError")),
            true,
        ),
        (
            "numpy's",
            with("_ArrayMemoryError", done(Error, 1)),
            Status::OutOfMemory,
            137,
            Some((OutOfMemory, "_ArrayMemoryError")),
            true,
        ),
        (
            "child oom",
            both("BrokenProcessPool", done(Error, 1)),
            Status::OutOfMemory,
            137,
            Some((OutOfMemory, "OutOfMemory")),
            true,
        ),
        (
            "child oom, bash",
            oom(done(Ok, 137)),
            Status::OutOfMemory,
            137,
            Some((OutOfMemory, "OutOfMemory")),
            true,
        ),
        ("child oom, handled", oom(done(Ok, 0)), Status::Ok, 0, None, true),
        (
            "oom",
            oom(exit(Exit::Signal(9))),
            Status::OutOfMemory,
            137,
            Some((OutOfMemory, "OutOfMemory")),
            false,
        ),
        (
            "oom of all",
            oom(Finish::Lost(String::new())),
            Status::OutOfMemory,
            137,
            Some((OutOfMemory, "OutOfMemory")),
            false,
        ),
        ("full disk", errno(28), Status::Error, 1, Some((Limit, "OSError")), true),
        ("many files", errno(24), Status::Error, 1, Some((Limit, "OSError")), true),
        ("many processes", errno(11), Status::Error, 1, Some((Limit, "OSError")), true),
        ("no file", errno(2), Status::Error, 1, Some((Exception, "OSError")), true),
        (
            "os._exit(4)",
            facts(exit(Exit::Code(4))),
            Status::Error,
            4,
            Some((Exception, "InterpreterExited")),
            false,
        ),
        ("os._exit(0)", facts(exit(Exit::Code(0))), Status::Ok, 0, None, false),
        (
            "segfault",
            facts(exit(Exit::Signal(11))),
            Status::Killed,
            139,
            Some((Exception, "InterpreterKilled")),
            false,
        ),
        (
            "kill -9",
            facts(exit(Exit::Signal(9))),
            Status::Killed,
            137,
            Some((Exception, "InterpreterKilled")),
            false,
        ),
        (
            "broken",
            facts(Finish::Ended(End::Broken)),
            Status::Killed,
            137,
            Some((Sandbox, "DriverBroken")),
            false,
        ),
        (
            "lost",
            facts(Finish::Lost("x".to_owned())),
            Status::Lost,
            137,
            Some((Sandbox, "SandboxLost")),
            false,
        ),
        (
            "no node",
            facts(demise(None, Some(2))),
            Status::Error,
            127,
            Some((Sandbox, "InterpreterMissing")),
            false,
        ),
        ("no room", facts(demise(None, Some(11))), Status::Error, 127, Some((Limit, "ContextLimit")), false),
        ("no start", facts(demise(None, None)), Status::Error, 127, Some((Sandbox, "ContextFailed")), false),
        (
            "died early",
            facts(demise(Some(Exit::Signal(11)), None)),
            Status::Killed,
            139,
            Some((Exception, "InterpreterKilled")),
            false,
        ),
        (
            "interrupted",
            stop(Stop::Timeout(1), done(Error, 1)),
            Status::Timeout,
            124,
            Some((Timeout, "TimeoutError")),
            true,
        ),
        (
            "caught it",
            stop(Stop::Timeout(1), done(Ok, 0)),
            Status::Timeout,
            124,
            Some((Timeout, "TimeoutError")),
            true,
        ),
        (
            "killed",
            stop(Stop::Timeout(1), exit(Exit::Signal(9))),
            Status::Timeout,
            124,
            Some((Timeout, "TimeoutError")),
            false,
        ),
        (
            "destroyed",
            stop(Stop::Timeout(1), Finish::Destroyed),
            Status::Timeout,
            124,
            Some((Timeout, "TimeoutError")),
            false,
        ),
        (
            "cpu",
            stop(Stop::Cpu(1), done(Error, 1)),
            Status::Timeout,
            124,
            Some((Timeout, "CpuTimeoutError")),
            true,
        ),
        (
            "cancelled",
            stop(Stop::Cancelled, done(Error, 1)),
            Status::Cancelled,
            130,
            Some((Exception, "Cancelled")),
            true,
        ),
        (
            "never up",
            stop(Stop::Startup, Finish::Destroyed),
            Status::Lost,
            127,
            Some((Sandbox, "StartTimeout")),
            false,
        ),
        (
            "walls",
            facts(Finish::WallsDown("x".to_owned())),
            Status::Lost,
            126,
            Some((Sandbox, "WallsDown")),
            false,
        ),
    ]
}

#[test]
fn every_end_has_its_verdict() {
    for (what, facts, status, exit_code, error, alive) in rows() {
        let verdict = judge(facts);
        let told = verdict.error.as_ref().map(|error| (error.category, error.name.as_str()));
        let seen = (verdict.status, verdict.exit_code, told, verdict.context_alive);
        assert_eq!(seen, (status, exit_code, error, alive), "{what}");
    }
}

#[test]
fn hints_say_what_is_left() {
    for (facts, part) in [
        (Facts { stop: Some(Stop::Timeout(1500)), ..facts(done(DriverStatus::Error, 1)) }, "lives on"),
        (Facts { stop: Some(Stop::Timeout(1500)), ..facts(exit(Exit::Signal(9))) }, "files are still there"),
        (Facts { stop: Some(Stop::Timeout(1500)), ..facts(Finish::Destroyed) }, "files are gone"),
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
