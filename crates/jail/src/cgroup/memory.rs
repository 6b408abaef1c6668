//! What a sandbox takes of the machine's memory now.
//!
//! Forks of a zygote share most of theirs: the control group counts only what each of them touched first, so the
//! processes' proportional shares are asked for where the kernel tells them.

use super::{Group, members, number};
use rustix::process::Pid;

impl Group {
    /// Memory of its processes, in bytes: what others share counts in part. Where that cannot be read, what the group
    /// counts. Reads page tables, which takes a millisecond for each process or more.
    pub fn memory_bytes(&self) -> Option<u64> {
        let processes = members(self.directories.first()?);
        let shares: Option<Vec<u64>> = processes.into_iter().map(proportional_bytes).collect();
        let counted =
            || number(&["memory.current", "memory.usage_in_bytes"].iter().find_map(|name| self.file(name))?);
        shares.filter(|shares| !shares.is_empty()).map(|shares| shares.iter().sum()).or_else(counted)
    }

    /// Memory of those of its processes that have these ids in the innermost process namespace; as [`Group::memory_bytes`], and
    /// `None` where one's share cannot be read.
    pub fn memory_bytes_of(&self, inner: &[i32]) -> Option<u64> {
        let processes = members(self.directories.first()?);
        let asked = processes.into_iter().filter(|pid| inner_id(*pid).is_some_and(|id| inner.contains(&id)));
        asked.map(proportional_bytes).sum()
    }
}

/// What a process is called in the innermost process namespace that it is in.
fn inner_id(pid: Pid) -> Option<i32> {
    let text = std::fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).ok()?;
    text.lines().find_map(|line| line.strip_prefix("NSpid:"))?.split_whitespace().last()?.parse().ok()
}

/// A process's proportional share of the memory that it maps.
fn proportional_bytes(pid: Pid) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", pid.as_raw_nonzero())).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_id_is_read() {
        let own = rustix::process::getpid();
        assert!(inner_id(own).is_some_and(|id| id <= own.as_raw_nonzero().get()), "{:?}", inner_id(own));
    }

    #[test]
    fn the_own_share_is_read() {
        let share = proportional_bytes(rustix::process::getpid());
        assert!(share.is_some_and(|bytes| bytes > 100 << 10), "{share:?}");
    }
}
