//! How much memory and how many processes the sandbox has, where no control group counts them: looked at a few times a
//! second.
//!
//! An estimate: memory can grow between two looks, files in tmpfs that are mapped count twice, and memory files
//! that nobody maps are not seen. Killing is the loop's.

use crate::processes;
use crate::readiness::Interest;
use crate::wire::Host;
use protocol::guest::{End, Reply};
use rustix::io::Errno;
use std::time::{Duration, Instant};

/// Time between two looks.
const EVERY: Duration = Duration::from_millis(200);
/// Time until what was killed is gone.
const SOON: Duration = Duration::from_millis(50);
/// Growth of the peak that the host is told between executions, in bytes.
const TOLD_EVERY_BYTES: u64 = 4 << 20;
/// File systems of a sandbox that live in memory.
const IN_MEMORY: [&str; 4] = ["/workspace", "/tmp", "/home/user", "/dev/shm"];

/// What such a file system calls itself.
const TMPFS: rustix::fs::FsWord = 0x0102_1994;

/// Of what a sandbox has more than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overrun {
    /// Bytes.
    Memory,
    /// Processes and threads.
    Processes,
}

impl Overrun {
    /// How an execution ends that was killed for it.
    pub fn end(self) -> End {
        match self {
            Overrun::Memory => End::OutOfMemory,
            Overrun::Processes => End::TooManyProcesses,
        }
    }

    /// What it means for whoever wanted to start, and the error number for it.
    pub fn failure(self) -> (&'static str, Errno) {
        match self {
            Overrun::Memory => ("run on: the sandbox uses more memory than it may", Errno::NOMEM),
            Overrun::Processes => ("run on: the sandbox has more processes than it may", Errno::AGAIN),
        }
    }
}

/// The memory of all processes and files of a sandbox and the number of its processes, while somebody has to watch them.
pub struct Watch {
    /// Bytes that all together may use; `None` where a control group holds the limit.
    limit: Option<u64>,
    /// Processes and threads beside the guest and its zygote; `None` where the kernel holds that limit.
    pids_max: Option<u32>,
    due: Instant,
    peak: u64,
    told: u64,
}

impl Watch {
    /// Begins to watch, if there is a limit to watch.
    pub fn new(limit: Option<u64>, pids_max: Option<u32>) -> Watch {
        Watch { limit, pids_max, due: Instant::now() + EVERY, peak: 0, told: 0 }
    }

    /// What to wait for.
    pub fn interest(&self, wants: &mut Interest<'_>) {
        if self.limit.is_some() || self.pids_max.is_some() {
            wants.at(self.due);
        }
    }

    /// Looks when it is time to. Tells of what there is more than may be.
    pub fn overrun(&mut self, now: Instant, host: &mut Host) -> Option<Overrun> {
        if now < self.due {
            return None;
        }
        self.due = now + EVERY;
        // The zygote is one of the others.
        let crowded = self.pids_max.is_some_and(|most| threads() > u64::from(most) + 1);
        if self.memory_exceeded(host) {
            return Some(Overrun::Memory);
        }
        crowded.then_some(Overrun::Processes)
    }

    /// Something was killed: whether that was enough is seen soon.
    pub fn look_soon(&mut self, now: Instant) {
        self.due = now + SOON;
    }

    fn memory_exceeded(&mut self, host: &mut Host) -> bool {
        let Some(limit) = self.limit else {
            return false;
        };
        let files = in_files();
        let (own, upper) = in_processes();
        let mut used = own + files;
        let exceeded = upper + files > limit && {
            used = shared_fairly() + files;
            used > limit
        };
        self.peak = self.peak.max(used);
        if exceeded || self.peak > self.told + TOLD_EVERY_BYTES {
            self.tell(host);
        }
        exceeded
    }

    /// Looks once more before an execution ends, so that the host has heard of its use.
    pub fn look(&mut self, host: &mut Host) {
        if self.limit.is_some() {
            self.peak = self.peak.max(in_processes().0 + in_files());
            self.tell(host);
        }
    }

    fn tell(&mut self, host: &mut Host) {
        if self.peak > self.told {
            self.told = self.peak;
            host.send(&Reply::Memory { peak_bytes: self.peak }, b"");
        }
    }
}

/// Bytes in files that live in memory.
fn in_files() -> u64 {
    let used = IN_MEMORY.iter().filter_map(|path| {
        let stat = rustix::fs::statfs(*path).ok().filter(|stat| stat.f_type == TMPFS)?;
        Some(stat.f_blocks.saturating_sub(stat.f_bfree) * u64::try_from(stat.f_bsize).ok()?)
    });
    used.sum()
}

/// Bytes of all processes but this one: what each has for itself, and all that each has. Pages that a fork shares with
/// its parent are in both.
fn in_processes() -> (u64, u64) {
    let page = rustix::param::page_size() as u64;
    let sum = |(own, all): (u64, u64), pid: i32| {
        let (resident, shared) = statm(pid).unwrap_or_default();
        (own + resident.saturating_sub(shared) * page, all + resident * page)
    };
    others().fold((0, 0), sum)
}

fn statm(pid: i32) -> Option<(u64, u64)> {
    let text = text(pid, "statm")?;
    let mut fields = text.split(' ').skip(1).map(|field| field.parse().unwrap_or(0));
    Some((fields.next()?, fields.next()?))
}

/// Bytes of all processes but this one, shared pages divided by those who share them; files of the host are free.
/// Slow: the kernel walks every page.
fn shared_fairly() -> u64 {
    others().filter_map(fair_bytes).sum()
}

/// Bytes of a process, shared pages divided by those who share them. One whose pages cannot be looked at pays for all that it
/// shares.
pub fn fair_bytes(pid: i32) -> Option<u64> {
    let rollup = text(pid, "smaps_rollup").and_then(|text| proportional(&text));
    rollup.or_else(|| resident(&text(pid, "status")?))
}

fn text(pid: i32, name: &str) -> Option<String> {
    String::from_utf8(processes::file(pid, name).ok()?).ok()
}

fn kib(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

fn resident(status: &str) -> Option<u64> {
    Some((kib(status, "RssAnon")? + kib(status, "RssShmem").unwrap_or(0)) << 10)
}

fn proportional(rollup: &str) -> Option<u64> {
    let host = kib(rollup, "Pss_File").unwrap_or(0);
    Some((kib(rollup, "Pss")?.saturating_sub(host) + kib(rollup, "SwapPss").unwrap_or(0)) << 10)
}

/// Threads of all processes but this one.
fn threads() -> u64 {
    others().map(|pid| processes::threads(pid).unwrap_or(0)).sum()
}

fn others() -> impl Iterator<Item = i32> {
    let own = std::process::id() as i32;
    processes::pids().filter(move |pid| *pid != own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proportional_memory_is_without_files_of_the_host() {
        let rollup = "55aa-7fff ---p 00000000 00:00 0  [rollup]\nRss:  9000 kB\nPss:  5000 kB\n\
            Pss_Dirty: 1 kB\nPss_Anon: 3000 kB\nPss_File:  1500 kB\nPss_Shmem: 500 kB\nSwapPss:  100 kB\n";
        assert_eq!(proportional(rollup), Some(3600 << 10));
        assert_eq!(proportional(""), None);
        let status = "Name:\tx\nVmRSS:\t9 kB\nRssAnon:\t   40 kB\nRssFile:\t 5 kB\nRssShmem:\t   2 kB\n";
        assert_eq!(resident(status), Some(42 << 10));
    }

    #[test]
    fn memory_of_another_process_is_seen() {
        let hog = "x = bytearray(b'x') * (200 << 20); print(flush=True); import sys; sys.stdin.read()";
        let mut child = std::process::Command::new("python3")
            .args(["-c", hog])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = [0];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut line).unwrap();
        let (resident, shared) = statm(child.id() as i32).unwrap();
        let bytes = (resident - shared) * rustix::param::page_size() as u64;
        assert!((200 << 20..260 << 20).contains(&bytes), "{bytes}");
        let text = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", child.id())).unwrap();
        assert!(proportional(&text).unwrap().abs_diff(bytes) < 16 << 20);
        drop(child.stdin.take());
        child.wait().unwrap();
        assert_eq!(statm(child.id() as i32), None);
    }
}
