//! The verdict on a command, where it differs from that on code: a program has no variables to lose and ends anyway.

use crate::outcome::{Facts, Finish, Stop, Verdict, killed, ours, signal_name};
use protocol::{
    Category, Status,
    guest::{End, Exit},
};

/// Judges; `None` where a command is judged as code is.
pub(crate) fn judge(facts: &Facts) -> Option<Verdict> {
    let Finish::Ended(End::Exited(exit)) = facts.finish else {
        return None;
    };
    if let Some(stop) = facts.stop {
        return stopped(stop, exit);
    }
    Some(match exit {
        Exit::Code(code) if code & 0xff == 0 => {
            Verdict { status: Status::Ok, exit_code: 0, error: None, context_alive: false }
        }
        _ if facts.oom => {
            let mega = facts.memory_bytes >> 20;
            let message = format!("the command used more than the sandbox's {mega} MiB of memory");
            let hint = "work on smaller pieces, or ask for more with the memory limit";
            let error = ours(Category::OutOfMemory, "OutOfMemory", message, hint);
            Verdict { status: Status::OutOfMemory, ..killed(137, error) }
        }
        Exit::Code(code) => {
            let code = code & 0xff;
            let message = format!("the command ended with exit code {code}");
            let error = ours(Category::Exception, "ExitCode", message, "");
            Verdict { status: Status::Error, ..killed(code, error) }
        }
        Exit::Signal(signal) => {
            let message = format!("the command was ended by {}", signal_name(signal));
            killed(128 + (signal & 0x7f), ours(Category::Exception, "CommandKilled", message, ""))
        }
    })
}

fn stopped(stop: Stop, exit: Exit) -> Option<Verdict> {
    let how = match exit {
        Exit::Signal(9) => " and was killed",
        _ => " and was interrupted",
    };
    let (status, exit_code, category, name, what) = match stop {
        Stop::Timeout(ms) => {
            let what = format!("the command ran longer than {} s{how}", ms as f64 / 1000.0);
            (Status::Timeout, 124, Category::Timeout, "TimeoutError", what)
        }
        Stop::Cpu(ms) => {
            let what = format!("the command used more than {} s of CPU time{how}", ms as f64 / 1000.0);
            (Status::Timeout, 124, Category::Timeout, "CpuTimeoutError", what)
        }
        Stop::Cancelled => {
            let what = "the command was interrupted".to_owned();
            (Status::Cancelled, 130, Category::Exception, "Cancelled", what)
        }
        Stop::Startup => return None,
    };
    let hint = "files that it wrote are still there";
    Some(Verdict { status, ..killed(exit_code, ours(category, name, what, hint)) })
}
