//! How much one key may do: requests in a time, executions at once, sandboxes, CPU time in a day.

use serde::{Deserialize, Serialize};
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::time::Instant;

const DAY_SECONDS: u64 = 24 * 3600;

/// Limits of one key. What is absent is not limited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeyLimits {
    /// Requests per second, in the long run.
    pub requests_per_second: Option<f64>,
    /// Requests at once after a pause; as many as per second, at least one, where it is absent.
    pub burst: Option<u32>,
    /// Executions and commands at once.
    pub executions: Option<u32>,
    /// Sandboxes that are kept at once.
    pub sandboxes: Option<u32>,
    /// CPU time in one day (UTC), in seconds.
    pub cpu_seconds_per_day: Option<u64>,
}

/// What is left of it.
#[derive(Debug)]
pub struct Allowance {
    limits: KeyLimits,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    tokens: f64,
    since: Instant,
    day: u64,
    cpu_ms: f64,
}

impl Allowance {
    /// All of it.
    pub fn new(limits: KeyLimits) -> Allowance {
        let state = State { tokens: burst(&limits), since: Instant::now(), day: today(), cpu_ms: 0.0 };
        Allowance { limits, state: Mutex::new(state) }
    }

    /// Without an end.
    pub fn unlimited() -> Allowance {
        Allowance::new(KeyLimits::default())
    }

    /// The same, with what was used of another.
    pub fn after(limits: KeyLimits, before: &Allowance) -> Allowance {
        let allowance = Allowance::new(limits);
        {
            let (mut state, old) = (allowance.state(), before.state());
            (state.day, state.cpu_ms) = (old.day, old.cpu_ms);
            state.tokens = state.tokens.min(old.tokens);
        }
        allowance
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One request; how long to wait where there were too many.
    pub fn take_request(&self) -> Result<(), Duration> {
        let Some(rate) = self.limits.requests_per_second.filter(|rate| *rate > 0.0) else {
            return Ok(());
        };
        let mut state = self.state();
        let now = Instant::now();
        let earned = now.duration_since(state.since).as_secs_f64() * rate;
        state.tokens = (state.tokens + earned).min(burst(&self.limits));
        state.since = now;
        if state.tokens < 1.0 {
            return Err(Duration::from_secs_f64(((1.0 - state.tokens) / rate).min(3600.0)));
        }
        state.tokens -= 1.0;
        Ok(())
    }

    /// Executions at once.
    pub fn executions_max(&self) -> u32 {
        self.limits.executions.unwrap_or(u32::MAX)
    }

    /// Sandboxes at once.
    pub fn sandboxes_max(&self) -> usize {
        self.limits.sandboxes.map_or(usize::MAX, |count| count as usize)
    }

    /// Whether there is CPU time left today; how long to wait where there is none.
    pub fn check_cpu(&self) -> Result<(), Duration> {
        let Some(seconds) = self.limits.cpu_seconds_per_day else { return Ok(()) };
        let mut state = self.state();
        state.begin_day();
        if state.cpu_ms < seconds as f64 * 1000.0 {
            return Ok(());
        }
        let passed = since_1970().as_secs() % DAY_SECONDS;
        Err(Duration::from_secs(DAY_SECONDS - passed))
    }

    /// So much CPU time was used.
    pub fn use_cpu(&self, ms: f64) {
        let mut state = self.state();
        state.begin_day();
        state.cpu_ms += ms.max(0.0);
    }
}

impl State {
    fn begin_day(&mut self) {
        let day = today();
        if day != self.day {
            (self.day, self.cpu_ms) = (day, 0.0);
        }
    }
}

fn burst(limits: &KeyLimits) -> f64 {
    let rate = limits.requests_per_second.unwrap_or(1.0);
    limits.burst.map_or_else(|| rate.max(1.0), |burst| f64::from(burst.max(1)))
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn today() -> u64 {
    since_1970().as_secs() / DAY_SECONDS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn requests_are_taken_at_their_rate() {
        let limits = KeyLimits { requests_per_second: Some(2.0), burst: Some(3), ..KeyLimits::default() };
        let allowance = Allowance::new(limits);
        let taken = (0..10).filter(|_| allowance.take_request().is_ok()).count();
        assert_eq!(taken, 3);
        let wait = allowance.take_request().unwrap_err();
        assert!(wait <= Duration::from_millis(500), "{wait:?}");
        tokio::time::advance(wait).await;
        assert!(allowance.take_request().is_ok() && allowance.take_request().is_err());
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!((0..10).filter(|_| allowance.take_request().is_ok()).count(), 3);
        assert!((0..100_000).all(|_| Allowance::unlimited().take_request().is_ok()));
    }

    #[tokio::test]
    async fn cpu_time_is_used_up() {
        let limits = KeyLimits { cpu_seconds_per_day: Some(2), ..KeyLimits::default() };
        let allowance = Allowance::new(limits);
        allowance.use_cpu(1999.0);
        assert!(allowance.check_cpu().is_ok());
        allowance.use_cpu(1.0);
        assert!(allowance.check_cpu().unwrap_err() <= Duration::from_secs(DAY_SECONDS));
        assert!(Allowance::after(limits, &allowance).check_cpu().is_err(), "a key that is read again");
        allowance.state().day -= 1;
        assert!(allowance.check_cpu().is_ok(), "another day");
    }
}
