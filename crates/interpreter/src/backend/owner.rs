//! Whose something on the host is: the name that what outlives a process bears, so that a later one can tell.

/// This process by number and start, which no other has until the next boot.
pub(crate) fn own_name() -> String {
    let pid = std::process::id();
    format!("{pid}-{}", started(&pid.to_string()).unwrap_or_default())
}

/// Whether the process of this number and start is still there.
pub(crate) fn lives(pid: &str, start: &str) -> bool {
    started(pid).as_deref() == Some(start)
}

/// Where numbers of processes mean the same: this boot, and this namespace of process numbers.
pub(crate) fn realm() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let pids = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    format!("{}-{}", boot.trim(), pids.display())
}

/// When a process started, in clock ticks since boot.
fn started(pid: &str) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(19).map(str::to_owned)
}
