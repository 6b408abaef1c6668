//! Private memory of the one sandbox that lives: of every process whose pid namespace is a room's.

use std::path::Path;

const KIB_PER_MIB: f64 = 1024.0;
/// Below this process's own pid namespace: first the jailer's, then the room's.
const DEPTH: usize = 2;

/// Private memory in MiB of the guest and of every driver together.
///
/// # Errors
/// A process that may not be looked at, or no sandbox at all.
pub fn private_mib() -> Result<f64, String> {
    let own = depth(Path::new("/proc/self")).ok_or("cannot read this process's pid namespaces")?;
    let mut kib = 0;
    let mut processes = 0;
    for process in
        std::fs::read_dir("/proc").map_err(|error| format!("cannot list processes: {error}"))?.flatten()
    {
        let path = process.path();
        if depth(&path) != Some(own + DEPTH) || !is_ours(&path) {
            continue;
        }
        processes += 1;
        kib += private_kib(&path)?;
    }
    if processes < 2 {
        return Err(format!("{processes} processes of a sandbox were found, not its guest and its driver"));
    }
    Ok(kib as f64 / KIB_PER_MIB)
}

/// In how many pid namespaces a process is.
fn depth(process: &Path) -> Option<usize> {
    let text = std::fs::read_to_string(process.join("status")).ok()?;
    Some(text.lines().find_map(|line| line.strip_prefix("NSpid:"))?.split_whitespace().count())
}

/// Whether this process is an ancestor.
fn is_ours(process: &Path) -> bool {
    let parent = |path: &Path| -> Option<u32> {
        let stat = std::fs::read_to_string(path.join("stat")).ok()?;
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
    };
    let mut next = parent(process);
    while let Some(pid) = next.filter(|pid| *pid > 1) {
        if pid == std::process::id() {
            return true;
        }
        next = parent(&Path::new("/proc").join(pid.to_string()));
    }
    false
}

fn private_kib(process: &Path) -> Result<u64, String> {
    let path = process.join("smaps_rollup");
    let text =
        std::fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let lines = text.lines().filter_map(|line| line.strip_prefix("Private_")?.split_whitespace().nth(1));
    Ok(lines.filter_map(|number| number.parse::<u64>().ok()).sum())
}
