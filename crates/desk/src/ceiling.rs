//! How much one sandbox may be given here at most, whoever asks: more could never be given, or would be the server's own
//! memory.

use crate::DeskError;
use protocol::{Limits, LimitsError};

/// The most of everything. [`Limits::timeout_ms`] and the rest mean what they mean in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ceiling(pub Limits);

impl Ceiling {
    /// What a machine with so much memory can give.
    pub fn of(memory_bytes: u64) -> Ceiling {
        Ceiling(Limits {
            timeout_ms: 24 * 3600 * 1000,
            cpu_ms: None,
            memory_bytes,
            pids: 32_768,
            disk_bytes: memory_bytes,
            inodes: 16 << 20,
            open_files: 1 << 20,
            cpu_millis: 1_000_000,
            output_bytes: 16 << 20,
            results: 4096,
            results_bytes: 128 << 20,
        })
    }

    /// Whether these stay below it.
    ///
    /// # Errors
    /// When one does not; the message says which, and what is possible.
    pub fn check(&self, asked: &Limits) -> Result<(), DeskError> {
        let most = &self.0;
        let rules = [
            ("timeout_ms", asked.timeout_ms, most.timeout_ms),
            ("memory_bytes", asked.memory_bytes, most.memory_bytes),
            ("pids", asked.pids.into(), most.pids.into()),
            ("disk_bytes", asked.disk_bytes, most.disk_bytes),
            ("inodes", asked.inodes, most.inodes),
            ("open_files", asked.open_files, most.open_files),
            ("cpu_millis", asked.cpu_millis.into(), most.cpu_millis.into()),
            ("output_bytes", asked.output_bytes, most.output_bytes),
            ("results", asked.results.into(), most.results.into()),
            ("results_bytes", asked.results_bytes, most.results_bytes),
        ];
        match rules.iter().find(|(_, asked, most)| asked > most) {
            Some((name, asked, most)) => Err(too_much(name, *asked, *most)),
            None => asked.check().map_err(|error: LimitsError| interpreter::Error::from(error).into()),
        }
    }

    /// Whether one execution may take so many milliseconds.
    ///
    /// # Errors
    /// When it may not; the message says what is possible.
    pub fn check_timeout(&self, timeout_ms: Option<u64>) -> Result<(), DeskError> {
        match timeout_ms {
            Some(asked) if asked > self.0.timeout_ms => Err(too_much("timeout_ms", asked, self.0.timeout_ms)),
            _ => Ok(()),
        }
    }
}

fn too_much(name: &str, asked: u64, most: u64) -> DeskError {
    DeskError::Request { what: format!("{name} = {asked}"), why: format!("this server gives {most} at most") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_there_is_is_refused_by_name() {
        let ceiling = Ceiling::of(8 << 30);
        assert!(ceiling.check(&Limits::default()).is_ok());
        assert!(ceiling.check(&ceiling.0).is_ok());
        type Change = fn(&mut Limits);
        let cases: [(Change, &str); 4] = [
            (|limits| limits.memory_bytes = (8 << 30) + 1, "memory_bytes"),
            (|limits| limits.output_bytes = u64::MAX, "output_bytes"),
            (|limits| limits.results = u32::MAX, "results"),
            (|limits| limits.pids = 0, "pids"),
        ];
        for (change, name) in cases {
            let mut limits = Limits::default();
            change(&mut limits);
            let error = ceiling.check(&limits).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
        assert!(ceiling.check_timeout(None).is_ok() && ceiling.check_timeout(Some(60_000)).is_ok());
        assert_eq!(ceiling.check_timeout(Some(1 << 63)).unwrap_err().code(), "request");
    }
}
