//! Groups that stand still: the kernel's freezer, and the memory of what it stopped, given back to swap.
//!
//! The freezer of groups of version 2 works without controllers, so also on a host that counts by version 1: processes are
//! moved to a second group there when they are first to stand still. What a group of version 2 has frozen can be killed.

use super::{Group, Version, members};
use rustix::process::Pid;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// Time between two looks at whether all stand still.
const EVERY: Duration = Duration::from_millis(1);
/// Memory that is given back at a time: whoever goes on waits for no more.
const RECLAIM_BYTES: u64 = 16 << 20;

impl Group {
    /// Stops every process of the group where it is, unnoticed by any of them. False where the kernel cannot do that here
    /// or did not within `patience`; then all go on.
    pub fn freeze(&self, patience: Duration) -> bool {
        let Some(directory) = self.freezer() else { return false };
        let until = Instant::now() + patience;
        let mut moved = Vec::new();
        let mut frozen = fs::write(directory.join("cgroup.freeze"), "1").is_ok();
        while frozen && (self.gather(directory, &mut moved) || !stands_still(directory)) {
            frozen = Instant::now() < until;
            std::thread::sleep(EVERY);
        }
        if !frozen {
            self.thaw();
        }
        frozen
    }

    /// Lets all go on that [`Group::freeze`] stopped.
    pub fn thaw(&self) {
        self.swaps(false);
        if let Some(directory) = self.freezer.as_deref() {
            let _ = fs::write(directory.join("cgroup.freeze"), "0");
        }
    }

    /// The directory that freezes.
    fn freezer(&self) -> Option<&Path> {
        let directory = self.freezer.as_deref()?;
        let there = directory.is_dir() || fs::create_dir(directory).is_ok();
        there.then_some(directory)
    }

    /// Moves what is in the group to the one that freezes, where that is another; true when there was anything to move.
    fn gather(&self, directory: &Path, moved: &mut Vec<Pid>) -> bool {
        let Some(counts) = self.directories.first().filter(|counts| counts.as_path() != directory) else {
            return false;
        };
        let there = members(directory);
        let left = members(counts).into_iter().filter(|pid| !there.contains(pid) && !moved.contains(pid));
        let left: Vec<Pid> = left.collect();
        for pid in &left {
            // One that has just ended cannot be moved, and need not.
            let _ = fs::write(directory.join("cgroup.procs"), pid.as_raw_nonzero().to_string());
        }
        moved.extend(&left);
        !left.is_empty()
    }

    /// Moves the memory of a group that stands still to swap, where this host has any, as long as it is `wanted`. Slow.
    pub fn reclaim(&self, wanted: &dyn Fn() -> bool) {
        if !has_swap() || !wanted() {
            return;
        }
        self.swaps(true);
        match (self.file("memory.reclaim"), self.file("memory.force_empty")) {
            (Some(file), _) => {
                // Less than was asked for is an error: then there is no more.
                while wanted() && fs::write(&file, RECLAIM_BYTES.to_string()).is_ok() {}
            }
            (None, Some(file)) => drop(fs::write(file, "0")),
            (None, None) => {}
        }
        if !wanted() {
            self.swaps(false);
        }
    }

    /// Whether memory may go to swap. What is there already stays until it is used.
    fn swaps(&self, may: bool) {
        let (file, value) = match self.version {
            Version::V1 => ("memory.swappiness", if may { "100" } else { "0" }),
            Version::V2 => ("memory.swap.max", if may { "max" } else { "0" }),
        };
        if let Some(path) = self.file(file) {
            let _ = fs::write(path, value);
        }
    }
}

fn stands_still(directory: &Path) -> bool {
    super::keyed(&directory.join("cgroup.events"), "frozen") == Some(1)
}

/// Whether this host has swap.
fn has_swap() -> bool {
    // A line of headings comes first.
    fs::read_to_string("/proc/swaps").is_ok_and(|text| text.lines().count() > 1)
}
