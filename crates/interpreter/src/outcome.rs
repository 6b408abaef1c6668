//! The verdict on an execution: status, exit code and error from what was seen. Pure: same facts, same verdict.

use crate::{command_outcome, hints, routes::Demise, text};
use protocol::{
    Category, Language, OutcomeError, Status,
    driver::{DriverStatus, Raised},
    guest::{End, Exit},
};

/// Error number of a program that is not there.
const ENOENT: i32 = 2;
/// Error number with which a guest tells that it killed everything for its memory.
const NO_MEMORY: i32 = 12;
const TRACEBACK_LINES_MAX: usize = 100;
const LINE_BYTES_MAX: usize = 2_000;
const MESSAGE_BYTES_MAX: usize = 16 << 10;
const NAME_BYTES_MAX: usize = 200;
/// A raised exception as JSON, in bytes; a longer one is not read.
pub(crate) const RAISED_BYTES_MAX: usize = 4 << 20;

/// Who stopped an execution before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The wall clock, after so many milliseconds.
    Timeout(u64),
    /// CPU time, after so many milliseconds.
    Cpu(u64),
    /// The caller.
    Cancelled,
    /// The context did not come up in time.
    Startup,
}

/// The last thing that was heard of an execution.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Finish {
    /// The guest said how it ended.
    Ended(End),
    /// The context ended, or never was, and nothing else was heard.
    ContextEnded(Demise),
    /// The sandbox had to be destroyed.
    Destroyed,
    /// The sandbox went away.
    Lost(String),
    /// The context does not have the walls that code needs.
    WallsDown(String),
}

/// What is known when an execution has ended.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub finish: Finish,
    pub stop: Option<Stop>,
    pub raised: Option<Raised>,
    /// Whether the kernel killed a process of the sandbox for memory meanwhile.
    pub oom: bool,
    pub memory_bytes: u64,
    pub language: Language,
    /// Nobody can go on with what is left.
    pub one_shot: bool,
    /// It is a program, not code of a context.
    pub command: bool,
    /// What the backend knows about why the sandbox or its helpers failed.
    pub failure: Option<String>,
}

/// How an execution ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Verdict {
    pub status: Status,
    pub exit_code: i32,
    pub error: Option<OutcomeError>,
    pub context_alive: bool,
}

/// Judges.
pub(crate) fn judge(facts: Facts) -> Verdict {
    if let Some(verdict) = facts.command.then(|| command_outcome::judge(&facts)).flatten() {
        return verdict;
    }
    let alive = matches!(facts.finish, Finish::Ended(End::Done { .. }));
    if let Finish::WallsDown(message) = &facts.finish {
        let hint = "`belljar doctor` says which walls this host lacks and how to raise them";
        let error = ours(Category::Sandbox, "WallsDown", message.clone(), hint);
        return Verdict { status: Status::Lost, exit_code: 126, error: Some(error), context_alive: false };
    }
    if let Some(stop) = facts.stop {
        return stopped(stop, alive, facts);
    }
    let watched = match &facts.finish {
        Finish::Ended(end) => *end == End::OutOfMemory,
        Finish::ContextEnded(demise) => demise.errno == Some(NO_MEMORY),
        _ => false,
    };
    if (facts.oom || watched) && !alive {
        return out_of_memory(alive, &facts);
    }
    match facts.finish.clone() {
        Finish::Ended(End::Done { status, exit_code }) => done(status, exit_code, facts),
        Finish::Ended(End::OutOfMemory) => out_of_memory(false, &facts),
        Finish::Ended(End::TooManyProcesses) => {
            let message = "the code had more processes and threads than it may; all were killed".to_owned();
            let hint =
                "the context is gone with its variables: start fewer, or ask for more with the pids limit";
            Verdict {
                status: Status::Error,
                ..killed(137, ours(Category::Limit, "ProcessLimit", message, hint))
            }
        }
        Finish::Ended(End::Exited(exit)) => exited(exit),
        Finish::Ended(End::Broken) => {
            let message = "the interpreter's driver broke its protocol and was killed".to_owned();
            let hint = "make a new context; code must leave file descriptor 3 alone";
            killed(137, ours(Category::Sandbox, "DriverBroken", message, hint))
        }
        Finish::ContextEnded(demise) => never_ran(demise, facts.failure, facts.language),
        Finish::Lost(why) => lost(facts.failure.unwrap_or(why)),
        Finish::Destroyed => lost("it did not answer and was destroyed".to_owned()),
        Finish::WallsDown(why) => lost(why),
    }
}

pub(crate) fn ours(category: Category, name: &str, message: String, hint: &str) -> OutcomeError {
    let retryable = !matches!(category, Category::Sandbox);
    let hint = (!hint.is_empty()).then(|| hint.to_owned());
    OutcomeError { category, name: name.to_owned(), message, traceback: vec![], line: None, retryable, hint }
}

pub(crate) fn killed(exit_code: i32, error: OutcomeError) -> Verdict {
    Verdict { status: Status::Killed, exit_code, error: Some(error), context_alive: false }
}

fn lost(why: String) -> Verdict {
    let why = text::cut(&text::plain(&why), MESSAGE_BYTES_MAX);
    let message = format!("the sandbox is gone: {why}");
    let hint = "run it again in a new sandbox; what was in this one is gone";
    let error = ours(Category::Sandbox, "SandboxLost", message, hint);
    Verdict { status: Status::Lost, exit_code: 137, error: Some(error), context_alive: false }
}

fn stopped(stop: Stop, alive: bool, facts: Facts) -> Verdict {
    let seconds = |ms: u64| format!("{} s", ms as f64 / 1000.0);
    let (status, exit_code, category, name, what) = match stop {
        Stop::Timeout(ms) => {
            let what = format!("the code ran longer than {}", seconds(ms));
            (Status::Timeout, 124, Category::Timeout, "TimeoutError", what)
        }
        Stop::Cpu(ms) => {
            let what = format!("the code used more than {} of CPU time", seconds(ms));
            (Status::Timeout, 124, Category::Timeout, "CpuTimeoutError", what)
        }
        Stop::Cancelled => {
            (Status::Cancelled, 130, Category::Exception, "Cancelled", "the code was interrupted".to_owned())
        }
        Stop::Startup => return startup(facts),
    };
    let (how, hint) = match (&facts.finish, alive) {
        (_, true) => (
            " and was interrupted",
            "the context lives on with its variables: do less at a time, or allow more time",
        ),
        (Finish::Destroyed | Finish::Lost(_), _) => (
            "; it did not answer, its sandbox was destroyed",
            "variables and files are gone: do less at a time, or allow more time",
        ),
        _ => (
            " and was killed, because it did not answer an interrupt",
            "the context is gone with its variables, files are still there: do less at a time, or allow more time",
        ),
    };
    let hint = if facts.one_shot { "do less at a time, or allow more time" } else { hint };
    let how = if stop == Stop::Cancelled && alive { "" } else { how };
    let mut error = ours(category, name, format!("{what}{how}"), hint);
    if let Some(raised) = facts.raised {
        error.traceback = traceback(&raised);
        error.line = raised.line;
    }
    Verdict { status, exit_code, error: Some(error), context_alive: alive }
}

fn startup(facts: Facts) -> Verdict {
    let message = format!("the {} interpreter did not come up in time", facts.language);
    let error = ours(Category::Sandbox, "StartTimeout", message, "the host may be overloaded: try again");
    Verdict { status: Status::Lost, exit_code: 127, error: Some(error), context_alive: false }
}

fn out_of_memory(alive: bool, facts: &Facts) -> Verdict {
    let mega = facts.memory_bytes >> 20;
    let (what, hint) = if alive {
        (
            "a process that the code had started was killed for it",
            "work on smaller pieces, or ask for more with the memory limit",
        )
    } else {
        (
            "the interpreter was killed for it",
            "the context is gone with its variables: work on smaller pieces, or ask for more with the memory limit",
        )
    };
    let message = format!("the code used more than its {mega} MiB of memory; {what}");
    let mut error = ours(Category::OutOfMemory, "OutOfMemory", message, hint);
    if let Some(raised) = &facts.raised {
        error.traceback = traceback(raised);
        error.line = raised.line;
    }
    Verdict { status: Status::OutOfMemory, exit_code: 137, error: Some(error), context_alive: alive }
}

fn done(status: DriverStatus, exit_code: i32, facts: Facts) -> Verdict {
    let exit_code = exit_code & 0xff;
    let failed = facts.raised.is_some() || status == DriverStatus::Error || exit_code != 0;
    if !failed {
        return Verdict { status: Status::Ok, exit_code: 0, error: None, context_alive: true };
    }
    if facts.oom {
        return out_of_memory(true, &facts);
    }
    let Some(raised) = facts.raised else {
        let exit_code = if exit_code == 0 { 1 } else { exit_code };
        let message = format!("the code ended with exit code {exit_code}");
        let error = ours(Category::Exception, "ExitCode", message, "");
        return Verdict { status: Status::Error, exit_code, error: Some(error), context_alive: true };
    };
    let error = told(&raised, facts.language);
    let (status, exit_code) = match error.category {
        Category::OutOfMemory => (Status::OutOfMemory, 137),
        _ if exit_code == 0 => (Status::Error, 1),
        _ => (Status::Error, exit_code),
    };
    Verdict { status, exit_code, error: Some(error), context_alive: true }
}

/// An exception as an outcome tells it: bounded, without escape sequences.
pub(crate) fn told(raised: &Raised, language: Language) -> OutcomeError {
    let category = hints::category(raised);
    OutcomeError {
        category,
        name: text::cut(&text::plain(&raised.name), NAME_BYTES_MAX),
        message: text::cut(&text::plain(&raised.message), MESSAGE_BYTES_MAX),
        traceback: traceback(raised),
        line: raised.line,
        retryable: true,
        hint: hints::exception(raised, category, language),
    }
}

fn traceback(raised: &Raised) -> Vec<String> {
    let lines = &raised.traceback;
    let show = |line: &String| text::cut(&text::plain(line), LINE_BYTES_MAX);
    if lines.len() <= TRACEBACK_LINES_MAX {
        return lines.iter().map(show).collect();
    }
    let half = TRACEBACK_LINES_MAX / 2;
    let gap = format!("… {} lines left out …", lines.len() - 2 * half);
    let (head, tail) = (&lines[..half], &lines[lines.len() - half..]);
    head.iter().map(show).chain([gap]).chain(tail.iter().map(show)).collect()
}

fn exited(exit: Exit) -> Verdict {
    let gone = "the context is gone with its variables";
    match exit {
        Exit::Code(code) => {
            let code = code & 0xff;
            let message = format!("the interpreter ended itself with exit code {code}");
            let error = (code != 0).then(|| ours(Category::Exception, "InterpreterExited", message, gone));
            let status = if code == 0 { Status::Ok } else { Status::Error };
            Verdict { status, exit_code: code, error, context_alive: false }
        }
        Exit::Signal(signal) => {
            let message = format!("the interpreter was ended by {}", signal_name(signal));
            killed(128 + (signal & 0x7f), ours(Category::Exception, "InterpreterKilled", message, gone))
        }
    }
}

pub(crate) fn signal_name(signal: i32) -> String {
    let name = match signal {
        4 => "SIGILL (illegal instruction)",
        6 => "SIGABRT (abort)",
        7 => "SIGBUS (bus error; perhaps a full disk under a memory map)",
        8 => "SIGFPE (arithmetic fault)",
        9 => "SIGKILL",
        11 => "SIGSEGV (segmentation fault in native code)",
        15 => "SIGTERM",
        24 => "SIGXCPU (CPU time)",
        25 => "SIGXFSZ (file size)",
        31 => "SIGSYS (a system call that the sandbox does not have)",
        other => return format!("signal {other}"),
    };
    name.to_owned()
}

fn never_ran(demise: Demise, failure: Option<String>, language: Language) -> Verdict {
    // What it ran into says more than how it was ended for that.
    let is_told = demise.errno.is_some_and(|errno| errno == ENOENT || hints::limit(errno).is_some());
    if let Some(exit) = demise.exit.filter(|_| !is_told) {
        return exited(exit);
    }
    let why = failure.or(demise.failure).unwrap_or_default();
    let why = text::cut(&text::plain(&why), MESSAGE_BYTES_MAX);
    let (category, name, message, hint) = match demise.errno {
        Some(ENOENT) => {
            let message = format!("there is no {language} interpreter in this sandbox: {why}");
            (Category::Sandbox, "InterpreterMissing", message, hints::interpreter(language))
        }
        Some(errno) if hints::limit(errno).is_some() => {
            let message = format!("no room for another interpreter: {why}");
            (Category::Limit, "ContextLimit", message, hints::limit(errno).unwrap_or_default())
        }
        _ => {
            let message = format!("the {language} interpreter did not come up: {why}");
            (
                Category::Sandbox,
                "ContextFailed",
                message,
                "try a new sandbox; `belljar doctor` checks this host",
            )
        }
    };
    let error = ours(category, name, message, hint);
    Verdict { status: Status::Error, exit_code: 127, error: Some(error), context_alive: false }
}

/// A run that was refused before a sandbox was touched: status `error`, exit code 1.
pub(crate) fn refused(category: Category, name: &str, message: String, hint: &str) -> Verdict {
    let error = ours(category, name, message, hint);
    Verdict { status: Status::Error, exit_code: 1, error: Some(error), context_alive: false }
}

/// Code that a policy denies: nothing ran, and changed code may.
pub(crate) fn denied(message: String, line: Option<u32>, hint: Option<String>) -> Verdict {
    let error = OutcomeError { line, hint, ..ours(Category::Policy, "PolicyDenied", message, "") };
    Verdict { status: Status::Denied, exit_code: 126, error: Some(error), context_alive: false }
}

#[cfg(test)]
#[path = "outcome_tests.rs"]
mod tests;
