//! What a group has used. Asked for before and after every execution, so the files stay open.

use super::{Group, Version, value_of};
use std::fs::File;

/// The longest of these files, `cpu.stat`, has less.
const BYTES_MAX: usize = 1024;

/// The files with what was used; those that this host does not have are missing.
#[derive(Debug)]
pub(super) struct Counters {
    cpu: Option<File>,
    memory_peak: Option<File>,
    oom: Option<File>,
}

impl Group {
    fn counters(&self) -> &Counters {
        let first = |names: &[&str]| names.iter().find_map(|name| File::open(self.file(name)?).ok());
        self.counters.get_or_init(|| Counters {
            cpu: first(match self.version {
                Version::V1 => &["cpuacct.usage"],
                Version::V2 => &["cpu.stat"],
            }),
            memory_peak: first(&["memory.peak", "memory.max_usage_in_bytes", "memory.current"]),
            oom: first(&["memory.events", "memory.oom_control"]),
        })
    }

    /// CPU time used so far, in microseconds.
    pub fn cpu_us(&self) -> Option<u64> {
        let text = read(self.counters().cpu.as_ref()?)?;
        match self.version {
            Version::V2 => value_of(&text, "usage_usec"),
            Version::V1 => Some(text.trim().parse::<u64>().ok()? / 1000),
        }
    }

    /// Highest memory use so far, in bytes.
    pub fn memory_peak_bytes(&self) -> Option<u64> {
        read(self.counters().memory_peak.as_ref()?)?.trim().parse().ok()
    }

    /// Processes that were killed because memory ran out.
    pub fn oom_kills(&self) -> Option<u64> {
        value_of(&read(self.counters().oom.as_ref()?)?, "oom_kill ")
    }
}

/// From the beginning: the kernel writes it anew each time.
fn read(file: &File) -> Option<String> {
    let mut bytes = vec![0; BYTES_MAX];
    let count = rustix::io::pread(file, &mut bytes, 0).ok()?;
    bytes.truncate(count);
    String::from_utf8(bytes).ok()
}
