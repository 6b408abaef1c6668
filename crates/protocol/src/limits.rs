//! What an execution and its sandbox may use.

use serde::{Deserialize, Serialize};

/// Limits of a sandbox and of the executions in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Wall time of one execution, in milliseconds.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub timeout_ms: u64,
    /// CPU time of one execution, in milliseconds.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub cpu_ms: Option<u64>,
    /// Memory of the whole sandbox, in bytes; no swap.
    #[cfg_attr(feature = "openapi", schema(minimum = 16777216))]
    pub memory_bytes: u64,
    /// Processes and threads at once.
    #[cfg_attr(feature = "openapi", schema(minimum = 4))]
    pub pids: u32,
    /// Size of `/workspace`, in bytes. It lives in memory and counts towards `memory_bytes`.
    #[cfg_attr(feature = "openapi", schema(minimum = 65536))]
    pub disk_bytes: u64,
    /// Files and directories in `/workspace`.
    pub inodes: u64,
    /// Open files per process.
    #[cfg_attr(feature = "openapi", schema(minimum = 16))]
    pub open_files: u64,
    /// CPUs, in thousandths of one.
    #[cfg_attr(feature = "openapi", schema(minimum = 10))]
    pub cpu_millis: u32,
    /// Bytes of each of stdout and stderr that an outcome keeps.
    pub output_bytes: u64,
    /// Result bundles that one execution may send.
    pub results: u32,
    /// Bytes of all result bundles of one execution together.
    pub results_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            timeout_ms: 30_000,
            cpu_ms: None,
            memory_bytes: 512 << 20,
            pids: 128,
            disk_bytes: 256 << 20,
            inodes: 65_536,
            open_files: 1024,
            cpu_millis: 1000,
            output_bytes: 1 << 20,
            results: 256,
            results_bytes: 32 << 20,
        }
    }
}

/// A limit that cannot hold.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("use {name} = {value}: {why}")]
pub struct LimitsError {
    /// The limit's name.
    pub name: &'static str,
    /// What was asked for.
    pub value: String,
    /// What would be accepted.
    pub why: &'static str,
}

impl Limits {
    /// Checks each limit against what a sandbox needs to start at all.
    pub fn check(&self) -> Result<(), LimitsError> {
        let rules: [(&'static str, u64, bool, &'static str); 7] = [
            ("timeout", self.timeout_ms, self.timeout_ms > 0, "a timeout is more than 0"),
            ("cpu", self.cpu_ms.unwrap_or(1), self.cpu_ms != Some(0), "a CPU limit is more than 0"),
            ("memory", self.memory_bytes, self.memory_bytes >= 16 << 20, "a sandbox needs 16M or more"),
            ("pids", self.pids.into(), self.pids >= 4, "a sandbox needs 4 processes or more"),
            ("disk", self.disk_bytes, self.disk_bytes >= 64 << 10, "a workspace needs 64K or more"),
            ("open_files", self.open_files, self.open_files >= 16, "an interpreter needs 16 or more"),
            ("cpus", self.cpu_millis.into(), self.cpu_millis >= 10, "a sandbox needs 0.01 CPU or more"),
        ];
        for (name, value, holds, why) in rules {
            if !holds {
                return Err(LimitsError { name, value: value.to_string(), why });
            }
        }
        Ok(())
    }
}

/// Reads a size such as `512M`, `1GiB`, `64k` or `1048576` into bytes; units are powers of 1024.
pub fn parse_size(text: &str) -> Result<u64, LimitsError> {
    let wrong = |why| LimitsError { name: "size", value: text.to_owned(), why };
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
    let (number, unit) = text.split_at(digits);
    let shift = match unit.trim().to_ascii_lowercase().trim_end_matches("ib").trim_end_matches('b') {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return Err(wrong("expected a number and a unit: K, M, G or T")),
    };
    let number: f64 = number.parse().map_err(|_| wrong("expected a number such as 512M"))?;
    let bytes = number * (1u64 << shift) as f64;
    if !(0.0..=(1u64 << 50) as f64).contains(&bytes) {
        return Err(wrong("expected at most 1024T"));
    }
    Ok(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in
            [("1", 1), ("512M", 512 << 20), ("1.5GiB", 3 << 29), ("64kb", 64 << 10), ("0", 0)]
        {
            assert_eq!(parse_size(text).unwrap(), bytes, "{text}");
        }
        for bad in ["", "M", "-1", "1X", "1e3", "9999999T", "nan"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn limits_that_cannot_hold_are_named() {
        assert_eq!(Limits::default().check(), Ok(()));
        let tiny = Limits { memory_bytes: 1, ..Limits::default() };
        assert_eq!(tiny.check().unwrap_err().name, "memory");
        let none = Limits { timeout_ms: 0, ..Limits::default() };
        assert_eq!(none.check().unwrap_err().name, "timeout");
    }
}
