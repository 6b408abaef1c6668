//! What this machine has to share out: CPUs and memory, as the kernel and its control groups tell.

use crate::Want;
use std::path::Path;

/// Executions wait for each other most of the time: so much more CPU is promised than there is.
const CPU_PROMISED: u64 = 8;
/// Sandboxes rarely use all memory that they may: of the machine's, this share is promised, in hundredths.
const MEMORY_SHARE: u64 = 80;

/// The machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine {
    /// CPUs, in thousandths of one.
    pub cpu_millis: u64,
    /// Memory, in bytes.
    pub memory_bytes: u64,
}

impl Machine {
    /// Looks.
    pub fn look() -> Machine {
        let cpus = std::thread::available_parallelism().map_or(1, usize::from) as u64;
        let read = |path: &str| std::fs::read_to_string(Path::new(path)).unwrap_or_default();
        let whole = total(&read("/proc/meminfo")).unwrap_or(1 << 30);
        let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
        let limit = limits.iter().filter_map(|path| read(path).trim().parse().ok()).min();
        Machine { cpu_millis: cpus * 1000, memory_bytes: limit.map_or(whole, |limit: u64| limit.min(whole)) }
    }

    /// What is promised to executions and sandboxes together.
    pub fn promised(&self) -> Want {
        Want {
            cpu_millis: self.cpu_millis * CPU_PROMISED,
            memory_bytes: self.memory_bytes / 100 * MEMORY_SHARE,
            executions: 0,
        }
    }
}

fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read() {
        assert_eq!(total("MemTotal:       16384 kB\nMemFree: 1 kB\n"), Some(16 << 20));
        assert_eq!(total("MemFree: 1 kB\n"), None);
        let machine = Machine::look();
        assert!(machine.cpu_millis >= 1000 && machine.memory_bytes > 64 << 20, "{machine:?}");
        assert!(machine.promised().memory_bytes < machine.memory_bytes);
    }
}
