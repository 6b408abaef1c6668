//! What the pool tells about itself.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How the pool is, and what it did so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PoolState {
    /// Sandboxes that are ready.
    pub ready: usize,
    /// How many demand wants ready now.
    pub target: usize,
    /// Memory of those that are ready, in bytes, as far as their backends can tell: one of each kind is measured.
    pub memory_bytes: u64,
    /// Found ready.
    pub hits: u64,
    /// Not found ready.
    pub misses: u64,
    /// Made ahead of time.
    pub made: u64,
    /// What making them took, all together.
    pub making: Duration,
    /// Ended, or found ended, before anybody took them.
    pub unused: u64,
    /// Why fewer are ready than are wanted and none is made now.
    pub held_back: Option<HeldBack>,
}

/// Why no more sandboxes are made ahead of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldBack {
    /// The machine is short of memory.
    MemoryPressure,
    /// Warm sandboxes have all the memory that they may have together.
    MemoryBudget,
    /// Running code has the CPUs.
    Busy,
    /// The last one could not be made.
    Failing,
}

impl HeldBack {
    /// Every reason.
    pub const ALL: [HeldBack; 4] =
        [HeldBack::MemoryPressure, HeldBack::MemoryBudget, HeldBack::Busy, HeldBack::Failing];

    /// Its name, as figures have it.
    pub fn name(self) -> &'static str {
        match self {
            HeldBack::MemoryPressure => "memory_pressure",
            HeldBack::MemoryBudget => "memory_budget",
            HeldBack::Busy => "busy",
            HeldBack::Failing => "failing",
        }
    }
}

/// What is counted.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub hits: Counter,
    pub misses: Counter,
    pub made: Counter,
    pub making_us: Counter,
    pub unused: Counter,
}

/// A number that grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
