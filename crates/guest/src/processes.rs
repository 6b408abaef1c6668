//! Processes of the sandbox: reaping, who came from whom, CPU time, signals.

use protocol::guest::Exit;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitOptions, WaitStatus};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::OnceLock;

/// Rounds in which a tree that keeps forking is killed before others get a turn.
const KILL_ROUNDS: usize = 20;
/// Length of a clock tick of `/proc`, in microseconds.
const TICK_US: u64 = 10_000;

/// A process as `/proc` shows it.
struct Seen {
    pid: i32,
    parent: i32,
    session: i32,
    gone: bool,
    cpu_us: u64,
}

/// A driver or command, and with it every process that came from it.
#[derive(Debug, Clone, Copy)]
pub struct Root {
    /// Its process id, which is the id of its session when it leads one.
    pub pid: i32,
}

impl Root {
    /// The living processes: descendants, and those left behind in its session.
    fn members(self, all: &[Seen]) -> Vec<&Seen> {
        let mut members: Vec<&Seen> =
            all.iter().filter(|seen| seen.pid == self.pid || seen.session == self.pid).collect();
        let mut next = 0;
        while let Some(parent) = members.get(next).map(|seen| seen.pid) {
            let known: Vec<i32> = members.iter().map(|seen| seen.pid).collect();
            members.extend(all.iter().filter(|seen| seen.parent == parent && !known.contains(&seen.pid)));
            next += 1;
        }
        members.retain(|seen| seen.pid > 1 && seen.pid != std::process::id() as i32);
        members
    }

    /// CPU time of all of them and of the children that they waited for, in microseconds.
    pub fn cpu_us(self) -> u64 {
        let all = all();
        self.members(&all).iter().map(|seen| seen.cpu_us).sum()
    }

    /// Sends SIGKILL to all of them until none is left; false when some are still there.
    pub fn kill(self) -> bool {
        // All are stopped before the first is killed: nobody forks away from under the list, and nobody's
        // children lose the parent by which they are found.
        let mut stopped: Vec<i32> = Vec::new();
        for _ in 0..KILL_ROUNDS {
            let fresh: Vec<i32> = self.alive().into_iter().filter(|pid| !stopped.contains(pid)).collect();
            if fresh.is_empty() {
                break;
            }
            fresh.iter().for_each(|pid| signal_one(*pid, Signal::STOP));
            stopped.extend(fresh);
        }
        stopped.iter().for_each(|pid| signal_one(*pid, Signal::KILL));
        for _ in 0..KILL_ROUNDS {
            let left = self.alive();
            if left.is_empty() {
                return true;
            }
            left.iter().for_each(|pid| signal_one(*pid, Signal::KILL));
        }
        false
    }

    /// Those that are there.
    pub fn alive(self) -> Vec<i32> {
        let all = all();
        self.members(&all).iter().filter(|seen| !seen.gone).map(|seen| seen.pid).collect()
    }

    /// A signal to its process group.
    pub fn signal_group(self, signal: Signal) {
        let Some(pid) = Pid::from_raw(self.pid).filter(|_| self.pid > 1) else {
            return;
        };
        if rustix::process::kill_process_group(pid, signal) == Err(Errno::SRCH) {
            let _ = rustix::process::kill_process(pid, signal);
        }
    }
}

fn signal_one(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// Kills everything in the sandbox but this process. Does nothing outside of one, where that would be the machine.
pub fn kill_all() -> bool {
    let first = std::process::id() == 1;
    if first {
        // "The group of pid 1" is the call for everybody (-1); the caller is spared.
        let _ = rustix::process::kill_process_group(Pid::INIT, Signal::KILL);
    }
    first
}

/// Stops every process of the sandbox where it is; gives back those that were not stopped already. Does nothing outside
/// of a sandbox.
pub fn stop_all() -> Vec<i32> {
    let mut stopped = Vec::new();
    if std::process::id() != 1 {
        return stopped;
    }
    // What is forked meanwhile is found in the next round.
    for _ in 0..KILL_ROUNDS {
        let fresh: Vec<i32> = pids().filter(|pid| *pid > 1 && runs(*pid) && !stopped.contains(pid)).collect();
        if fresh.is_empty() {
            break;
        }
        fresh.iter().for_each(|pid| signal_one(*pid, Signal::STOP));
        stopped.extend(fresh);
    }
    stopped
}

fn runs(pid: i32) -> bool {
    let stat = file(pid, "stat").unwrap_or_default();
    fields(&stat).is_some_and(|fields| !matches!(fields.first(), Some(&("T" | "t" | "Z" | "X"))))
}

/// Lets these go on.
pub fn go_on(stopped: &[i32]) {
    stopped.iter().for_each(|pid| signal_one(*pid, Signal::CONT));
}

/// A descriptor of a process.
pub fn open(pid: i32) -> Result<std::os::fd::OwnedFd, Errno> {
    let pid = Pid::from_raw(pid).filter(|_| pid > 1).ok_or(Errno::INVAL)?;
    rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty())
}

/// How a child ended, if it has; it is reaped then.
pub fn reap(pidfd: BorrowedFd<'_>) -> Option<Exit> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
    let status = rustix::process::waitid(WaitId::PidFd(pidfd.as_fd()), options).ok()??;
    let signal = status.terminating_signal().map(Exit::Signal);
    signal.or(status.exit_status().map(Exit::Code))
}

/// Reaps a child of whatever origin: its pid and how it ended.
pub fn reap_any() -> Option<(i32, Exit)> {
    let (pid, status) = rustix::process::wait(WaitOptions::NOHANG).ok()??;
    Some((pid.as_raw_nonzero().get(), exit_of(status)))
}

/// An end as the kernel's wait status tells it.
pub fn exit_of_raw(status: i32) -> Exit {
    match status & 0x7f {
        0 => Exit::Code((status >> 8) & 0xff),
        signal => Exit::Signal(signal),
    }
}

fn exit_of(status: WaitStatus) -> Exit {
    exit_of_raw(status.as_raw())
}

fn all() -> Vec<Seen> {
    pids().filter_map(seen).collect()
}

/// Where processes are looked at.
static VIEW: OnceLock<String> = OnceLock::new();

/// Looks at processes through this procfs, which must stay open, from now on.
pub fn look_through(view: BorrowedFd<'_>) {
    let _ = VIEW.set(format!("/proc/self/fd/{}", view.as_raw_fd()));
}

/// A file about a process.
pub fn file(pid: i32, name: &str) -> std::io::Result<Vec<u8>> {
    std::fs::read(format!("{}/{pid}/{name}", view()))
}

fn view() -> &'static str {
    VIEW.get().map_or("/proc", String::as_str)
}

/// Every process that can be seen, this one included.
pub fn pids() -> impl Iterator<Item = i32> {
    let entries = std::fs::read_dir(view()).into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// How many threads a process has.
pub fn threads(pid: i32) -> Option<u64> {
    fields(&file(pid, "stat").ok()?)?.get(17)?.parse().ok()
}

/// The fields of a `stat` file behind the name, which may hold anything, also brackets and blanks.
fn fields(stat: &[u8]) -> Option<Vec<&str>> {
    let at = stat.iter().rposition(|byte| *byte == b')')?;
    Some(std::str::from_utf8(&stat[at + 1..]).ok()?.split_ascii_whitespace().collect())
}

fn seen(pid: i32) -> Option<Seen> {
    let stat = file(pid, "stat").ok()?;
    let fields = fields(&stat)?;
    let number = |index: usize| fields.get(index).and_then(|field| field.parse::<i64>().ok()).unwrap_or(0);
    let own = (number(11) + number(12)) as u64 * TICK_US;
    let waited = (number(13) + number(14)) as u64 * TICK_US;
    Some(Seen {
        pid,
        parent: number(1) as i32,
        session: number(3) as i32,
        gone: matches!(fields.first(), Some(&"Z" | &"X")),
        cpu_us: own.max(scheduled_us(pid)) + waited,
    })
}

/// Time on a CPU of the first thread, finer than ticks are.
fn scheduled_us(pid: i32) -> u64 {
    let text = String::from_utf8(file(pid, "schedstat").unwrap_or_default()).unwrap_or_default();
    text.split(' ').next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(0) / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_statuses() {
        assert_eq!(exit_of_raw(0x0300), Exit::Code(3));
        assert_eq!(exit_of_raw(9), Exit::Signal(9));
        assert_eq!(exit_of_raw(0x80 | 11), Exit::Signal(11));
    }

    #[test]
    fn a_tree_is_found_and_killed() {
        let script = "(sleep 60; true) & (setsid sleep 60; true) & wait";
        let mut child = std::process::Command::new("setsid").args(["sh", "-c", script]).spawn().unwrap();
        let root = Root { pid: child.id() as i32 };
        let mut members = 0;
        for _ in 0..100 {
            let all = all();
            members = root.members(&all).len();
            if members >= 5 {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        assert_eq!(members, 5);
        assert!(root.kill());
        child.wait().unwrap();
    }
}
