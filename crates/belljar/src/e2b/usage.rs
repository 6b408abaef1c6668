//! What a sandbox uses, measured when somebody asks.

use desk::Kept;
use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

/// Remembers what was measured last, because a share of a CPU needs two moments.
#[derive(Default)]
pub struct Usage {
    last: Mutex<Option<(Instant, f64)>>,
}

/// What it uses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Of one CPU, since it was asked last or was made, in percent.
    pub cpu_percent: f64,
    /// Most memory that it used at once, in bytes.
    pub memory_bytes: u64,
}

impl Usage {
    /// Measures.
    pub fn sample(&self, kept: &Kept) -> Sample {
        let measure = kept.sandbox().measure();
        let cpu_ms = measure.cpu_ms.unwrap_or_default();
        let now = Instant::now();
        let before = self.last.lock().unwrap_or_else(PoisonError::into_inner).replace((now, cpu_ms));
        let since_made = (chrono::Utc::now() - kept.created_at).num_milliseconds().max(1) as f64;
        let (used_ms, took_ms) = match before {
            Some((at, used)) => (cpu_ms - used, ((now - at).as_secs_f64() * 1000.0).max(1.0)),
            None => (cpu_ms, since_made),
        };
        let cpu_percent = (used_ms.max(0.0) / took_ms * 10_000.0).round() / 100.0;
        Sample { cpu_percent, memory_bytes: measure.memory_peak_bytes.unwrap_or_default() }
    }
}
