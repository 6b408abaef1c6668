//! Whether the machine is short of memory, as the kernel tells: how long processes waited for it, and how much is left.

use std::path::{Path, PathBuf};

/// The share of time in which something waited for memory, in hundredths: where pressure begins, and where it ends.
const STALLED: (f64, f64) = (10.0, 5.0);
/// The share of memory that can be had, in hundredths: where pressure begins, and where it ends.
const AVAILABLE: (f64, f64) = (5.0, 8.0);

/// Where the kernel tells how the machine is. A file that is not there tells nothing: old kernels, containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gauges {
    /// Pressure stall information, as in `/proc/pressure/memory`.
    pub pressure: PathBuf,
    /// As `/proc/meminfo`.
    pub meminfo: PathBuf,
    /// As `/proc/loadavg`.
    pub loadavg: PathBuf,
}

impl Default for Gauges {
    fn default() -> Gauges {
        Gauges {
            pressure: "/proc/pressure/memory".into(),
            meminfo: "/proc/meminfo".into(),
            loadavg: "/proc/loadavg".into(),
        }
    }
}

/// What the gauges told; shares in hundredths.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Reading {
    stalled: Option<f64>,
    available: Option<f64>,
}

impl Gauges {
    /// How memory is now.
    pub(crate) fn read(&self) -> Reading {
        let text = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
        Reading { stalled: stalled(&text(&self.pressure)), available: available(&text(&self.meminfo)) }
    }
}

/// Pressure, which once it is there ends only when there is clearly less.
#[derive(Debug, Default)]
pub(crate) struct Pressure {
    high: bool,
}

impl Pressure {
    /// Whether there is pressure after this reading.
    pub fn update(&mut self, reading: Reading) -> bool {
        let (begins, ends) = if self.high { (STALLED.1, AVAILABLE.1) } else { (STALLED.0, AVAILABLE.0) };
        self.high = reading.stalled.is_some_and(|share| share >= begins)
            || reading.available.is_some_and(|share| share < ends);
        self.high
    }
}

/// `some avg10=1.23 …`: in the last ten seconds.
fn stalled(pressure: &str) -> Option<f64> {
    let some = pressure.lines().find_map(|line| line.strip_prefix("some "))?;
    some.split(' ').find_map(|word| word.strip_prefix("avg10="))?.parse().ok()
}

fn available(meminfo: &str) -> Option<f64> {
    let kib = |name: &str| {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
        line.strip_suffix("kB")?.trim().parse::<f64>().ok()
    };
    Some(kib("MemAvailable:")? / kib("MemTotal:")?.max(1.0) * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(stalled: f64, available: f64) -> Reading {
        Reading { stalled: Some(stalled), available: Some(available) }
    }

    #[test]
    fn files_are_read_and_may_be_absent() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let gauges =
            Gauges { pressure: path("pressure"), meminfo: path("meminfo"), loadavg: path("loadavg") };
        assert_eq!(gauges.read(), Reading::default());
        let pressure = "some avg10=12.50 avg60=1.00 avg300=0.10 total=70\nfull avg10=3.00 avg60=0 total=1\n";
        std::fs::write(&gauges.pressure, pressure).unwrap();
        let meminfo = "MemTotal:        1000 kB\nMemFree:   10 kB\nMemAvailable:     250 kB\n";
        std::fs::write(&gauges.meminfo, meminfo).unwrap();
        assert_eq!(gauges.read(), reading(12.5, 25.0));
        std::fs::write(&gauges.pressure, "nonsense").unwrap();
        std::fs::write(&gauges.meminfo, "MemTotal: many kB\nMemAvailable: 3\n").unwrap();
        assert_eq!(gauges.read(), Reading::default());
    }

    #[test]
    fn the_kernel_of_this_host_is_understood() {
        assert!(Gauges::default().read().available.is_some_and(|share| (0.0..=100.0).contains(&share)));
    }

    #[test]
    fn pressure_stays_until_there_is_clearly_less() {
        let mut pressure = Pressure::default();
        let steps =
            [(9.9, 50.0), (10.0, 50.0), (6.0, 50.0), (4.9, 50.0), (6.0, 50.0), (0.0, 4.9), (0.0, 7.0)];
        let found = steps.map(|(stalled, available)| pressure.update(reading(stalled, available)));
        assert_eq!(found, [false, true, true, false, false, true, true]);
        assert!(!pressure.update(reading(0.0, 8.0)));
        assert!(!pressure.update(Reading::default()), "who knows nothing fears nothing");
    }
}
