//! All shelves of one interpreter: taking from them, and sharing out what they may hold.

use super::budget::share;
use super::figures::{Counters, HeldBack, PoolState};
use super::pressure::Gauges;
use super::refill::refill;
use super::shelf::Shelf;
use crate::interpreter::WeakInterpreter;
use crate::{Caller, Sandbox, SandboxRequest};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

/// How a pool is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolSettings {
    /// Memory of all warm sandboxes together at most, in bytes. One of each kind that has a floor is kept whatever it
    /// takes, unless this is 0.
    pub memory_bytes_max: u64,
    /// Where the kernel tells how the machine is.
    pub gauges: Gauges,
    /// Time between two looks at memory, and at what demand still wants.
    pub look_every: Duration,
    /// The time after which what was asked for counts half.
    pub half_life: Duration,
}

impl Default for PoolSettings {
    fn default() -> PoolSettings {
        PoolSettings {
            memory_bytes_max: u64::MAX,
            gauges: Gauges::default(),
            look_every: Duration::from_secs(2),
            half_life: Duration::from_secs(60),
        }
    }
}

/// All shelves of one interpreter.
#[derive(Default)]
pub(crate) struct Pool {
    state: Mutex<State>,
    /// Something was taken, has ended, or was closed.
    pub changed: Arc<Notify>,
    pub counters: Counters,
}

#[derive(Default)]
struct State {
    shelves: Vec<Arc<Shelf>>,
    filling: Option<AbortHandle>,
    held_back: Option<HeldBack>,
}

/// What filling does next.
pub(crate) enum Next {
    /// Make one for this shelf.
    Make(Arc<Shelf>),
    /// Find out what this sandbox of this shelf costs.
    Measure(Arc<Shelf>, Arc<Sandbox>),
    /// Nothing until something changes, or then at the latest.
    Wait(Instant),
    /// Nothing any more: there are no shelves.
    End,
}

impl Pool {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A warm sandbox for exactly this request, now this caller's.
    pub fn take(&self, request: &SandboxRequest, caller: &Caller) -> Option<Arc<Sandbox>> {
        let now = Instant::now();
        let shelves = self.state().shelves.clone();
        let taken =
            shelves.iter().filter(|shelf| shelf.request == *request).find_map(|shelf| shelf.take(now));
        let taken = taken.filter(|sandbox| sandbox.give_to(caller));
        let counter = if taken.is_some() { &self.counters.hits } else { &self.counters.misses };
        counter.add(1);
        taken
    }

    /// Adds a shelf, and begins to fill where nobody does.
    pub fn add(&self, shelf: Arc<Shelf>, interpreter: WeakInterpreter) {
        let mut state = self.state();
        state.shelves.push(shelf);
        if state.filling.as_ref().is_none_or(AbortHandle::is_finished) {
            state.filling = Some(tokio::spawn(refill(interpreter, self.changed.clone())).abort_handle());
        }
        self.changed.notify_one();
    }

    /// Lets go of what must go, and says what is to be done next. `pressure`: the machine is short of memory.
    pub fn next(&self, bytes_max: u64, pressure: bool, now: Instant) -> Next {
        let mut state = self.state();
        state.shelves.retain(|shelf| !shelf.closed.is_cancelled());
        if state.shelves.is_empty() {
            state.filling = None;
            return Next::End;
        }
        let shelves = state.shelves.clone();
        let mut unused: usize = shelves.iter().map(|shelf| shelf.sort_out()).sum();
        let measure = shelves.iter().find_map(|shelf| Some((shelf, shelf.to_measure(now)?)));
        if let Some((shelf, sandbox)) = measure {
            self.counters.unused.add(unused as u64);
            return Next::Measure(shelf.clone(), sandbox);
        }
        let claims: Vec<_> = shelves.iter().map(|shelf| shelf.claim(now)).collect();
        let mut bounded = None;
        for ((shelf, claim), granted) in shelves.iter().zip(&claims).zip(share(bytes_max, &claims)) {
            if pressure && claim.target > 1 {
                bounded = Some(HeldBack::MemoryPressure);
            } else if granted < claim.target {
                bounded = bounded.or(Some(HeldBack::MemoryBudget));
            }
            unused += shelf.grant(if pressure { granted.min(1) } else { granted });
        }
        self.counters.unused.add(unused as u64);
        let lacking = shelves.iter().filter(|shelf| shelf.lack().0 > 0);
        let (due, waiting): (Vec<_>, Vec<_>) =
            lacking.partition(|shelf| shelf.retry_at().is_none_or(|then| then <= now));
        // The emptiest first.
        if let Some(next) = due.iter().min_by_key(|shelf| shelf.lack().1) {
            state.held_back = None;
            return Next::Make(Arc::clone(next));
        }
        let again = waiting.iter().filter_map(|shelf| shelf.retry_at()).min();
        state.held_back = again.map(|_| HeldBack::Failing).or(bounded);
        Next::Wait(again.unwrap_or(now + Duration::from_secs(3600)))
    }

    /// Says why nothing is made now.
    pub fn hold_back(&self, why: Option<HeldBack>) {
        self.state().held_back = why;
    }

    /// How it is, and what it did so far.
    pub fn look(&self) -> PoolState {
        let (now, counters) = (Instant::now(), &self.counters);
        let state = self.state();
        let open = || state.shelves.iter().filter(|shelf| !shelf.closed.is_cancelled());
        PoolState {
            ready: open().map(|shelf| shelf.count()).sum(),
            target: open().map(|shelf| shelf.target(now)).sum(),
            memory_bytes: open().map(|shelf| shelf.memory_bytes()).sum(),
            hits: counters.hits.get(),
            misses: counters.misses.get(),
            made: counters.made.get(),
            making: Duration::from_micros(counters.making_us.get()),
            unused: counters.unused.get(),
            held_back: state.held_back,
        }
    }
}
