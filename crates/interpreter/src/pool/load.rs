//! When filling gives way to running code.
//!
//! Niceness and `SCHED_IDLE` do not fit what is being made: an ordinary user may set them but not take them back when
//! somebody takes the sandbox. The weight of its control group can be given back; the native backend sets it (see
//! [`StartRequest::ahead`](crate::backend::StartRequest)). It reaches two thirds of the work, and only where control groups
//! are delegated: the rest is the jailer's, the zygote's and this process's. So filling also looks whether others want all
//! CPUs, and waits while that is so, for a bounded time: a pool that is never filled would only move the work into the
//! requests.

use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

/// Between two looks.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// How long filling gives way before each sandbox below the floor, and before each above it.
const PATIENCE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// How long filling waits after somebody took one, while enough are left: code that was sent with the request runs then.
pub(crate) const QUIET: Duration = Duration::from_millis(25);

/// How long the next sandbox may wait for a CPU that nobody wants.
pub(crate) fn patience(ready: usize, floor: usize) -> Duration {
    if ready < floor { PATIENCE.0 } else { PATIENCE.1 }
}

/// Whether every CPU has something to run. Where the kernel does not tell, nothing is waited for.
pub(crate) fn cpus_are_taken(loadavg: &Path) -> bool {
    static CPUS: LazyLock<usize> =
        LazyLock::new(|| std::thread::available_parallelism().map_or(1, usize::from));
    let text = std::fs::read_to_string(loadavg).unwrap_or_default();
    runnable(&text).is_some_and(|runnable| runnable > *CPUS)
}

/// `0.20 0.18 0.12 3/80 11206`: of 80 threads, 3 run or could run, the one that looks among them.
fn runnable(loadavg: &str) -> Option<usize> {
    loadavg.split(' ').nth(3)?.split('/').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_understood() {
        assert_eq!(runnable("0.20 0.18 0.12 3/80 11206\n"), Some(3));
        assert_eq!(runnable(""), None);
        let own = std::fs::read_to_string("/proc/loadavg").unwrap();
        assert!(runnable(&own).is_some_and(|count| count >= 1), "{own}: this thread runs");
    }

    #[test]
    fn what_is_configured_waits_less() {
        assert!(patience(1, 2) < patience(2, 2));
    }
}
