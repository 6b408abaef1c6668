//! The sandboxes of one kind that are ready: which of them may be given, and which of them must go.

use super::budget::{Claim, Cost};
use super::demand::Demand;
use crate::{Sandbox, SandboxRequest};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

/// How long filling a shelf waits after a sandbox could not be made; doubled each time, up to the second number.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));
/// What a sandbox counts for where nobody can tell, as ordinary users without control groups cannot: more than most have.
const GUESS_BYTES: u64 = 64 << 20;
/// How long a measurement of what a sandbox costs is good, unless there are twice as many by then: what they share with
/// each other counts for each in part.
const MEASURED: Duration = Duration::from_secs(10);

/// One kind.
pub(crate) struct Shelf {
    /// Given only for this.
    pub request: SandboxRequest,
    state: Mutex<State>,
    /// Whether as many are ready as may be.
    pub full: watch::Sender<bool>,
    /// Whether one is being made.
    pub making: watch::Sender<bool>,
    /// Nothing is made or given any more.
    pub closed: CancellationToken,
    /// Wakes whoever fills.
    changed: Arc<Notify>,
}

struct State {
    /// The oldest first.
    ready: Vec<Ready>,
    demand: Demand,
    /// When somebody took one last.
    asked: Option<Instant>,
    /// How many may be ready.
    granted: usize,
    /// What one costs, when that was found, and how many there were.
    cost: (Cost, Instant, usize),
    /// How long the last one took to be made.
    making: Duration,
    /// How long to wait after the next failure, and when to try again after the last one.
    retry: (Duration, Option<Instant>),
    /// Those that went when the shelf was closed.
    unused: Vec<Arc<Sandbox>>,
}

/// A sandbox that waits, and the task that notices its end.
struct Ready {
    sandbox: Arc<Sandbox>,
    watching: AbortHandle,
}

impl Drop for Ready {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

impl Shelf {
    /// An empty one.
    pub fn new(request: SandboxRequest, demand: Demand, changed: Arc<Notify>) -> Shelf {
        let now = Instant::now();
        let state = State {
            ready: Vec::new(),
            asked: None,
            granted: demand.target(now),
            demand,
            cost: (Cost::Unmeasured, now, 0),
            making: Duration::ZERO,
            retry: (RETRY.0, None),
            unused: Vec::new(),
        };
        Shelf {
            request,
            full: watch::Sender::new(state.granted == 0),
            making: watch::Sender::new(false),
            closed: CancellationToken::new(),
            state: Mutex::new(state),
            changed,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many are ready.
    pub fn count(&self) -> usize {
        self.state().ready.len()
    }

    /// How many are configured at least.
    pub fn floor(&self) -> usize {
        self.state().demand.stock().floor
    }

    /// How many demand wants ready.
    pub fn target(&self, now: Instant) -> usize {
        self.state().demand.target(now)
    }

    /// The memory of those that are ready, in bytes.
    pub fn memory_bytes(&self) -> u64 {
        let state = self.state();
        state.cost.0.bytes() * state.ready.len() as u64
    }

    /// The newest that is as good as one made now, else the newest that works.
    pub fn take(&self, now: Instant) -> Option<Arc<Sandbox>> {
        let mut state = self.state();
        let making = state.making;
        state.demand.asked(making, now);
        state.asked = Some(now);
        let whole = |ready: &Ready| ready.sandbox.is_fit() && ready.sandbox.is_whole();
        let found = state.ready.iter().rposition(whole);
        let found = found.or_else(|| state.ready.iter().rposition(|ready| ready.sandbox.is_fit()));
        let taken = found.map(|index| state.ready.remove(index).sandbox.clone());
        self.full.send_replace(false);
        drop(state);
        self.changed.notify_one();
        taken
    }

    /// Whether somebody took one within this time, and at least half are left.
    pub fn was_just_asked(&self, within: Duration) -> bool {
        let state = self.state();
        state.asked.is_some_and(|asked| asked.elapsed() < within) && 2 * state.ready.len() >= state.granted
    }

    /// Lets go of those that cannot be given; gives back how many that were.
    pub fn sort_out(&self) -> usize {
        let mut state = self.state();
        let unfit = state.ready.extract_if(.., |ready| !ready.sandbox.is_fit());
        unfit.map(|ready| ready.sandbox.destroy_soon()).count()
    }

    /// What it wants of the memory.
    pub fn claim(&self, now: Instant) -> Claim {
        let state = self.state();
        let (floor, target) = (state.demand.stock().floor, state.demand.target(now));
        Claim { floor, target, cost: state.cost.0 }
    }

    /// May have so many from now on; those beyond go, first those that are not as good as new ones, then the oldest.
    /// Gives back how many went.
    pub fn grant(&self, granted: usize) -> usize {
        let mut state = self.state();
        state.granted = granted;
        let mut gone = 0;
        while state.ready.len() > granted {
            let lame = state.ready.iter().position(|ready| !ready.sandbox.is_whole());
            state.ready.remove(lame.unwrap_or(0)).sandbox.destroy_soon();
            gone += 1;
        }
        let is_full = state.lacks() == 0;
        self.full.send_if_modified(|full| std::mem::replace(full, is_full) != is_full);
        gone
    }

    /// How many are missing, and how many there are.
    pub fn lack(&self) -> (usize, usize) {
        let state = self.state();
        (state.lacks(), state.ready.len())
    }

    /// When the next one may be tried, where the last one failed.
    pub fn retry_at(&self) -> Option<Instant> {
        self.state().retry.1
    }

    /// One could not be made.
    pub fn failed(&self, now: Instant) {
        let mut state = self.state();
        let pause = state.retry.0;
        state.retry = ((pause * 2).min(RETRY.1), Some(now + pause));
    }

    /// The newest, when what one costs must be found out again.
    pub fn to_measure(&self, now: Instant) -> Option<Arc<Sandbox>> {
        let state = self.state();
        let (cost, when, count) = state.cost;
        let is_old = now.duration_since(when) >= MEASURED || state.ready.len() >= 2 * count;
        let newest = state.ready.last().filter(|_| cost == Cost::Unmeasured || is_old);
        newest.map(|ready| ready.sandbox.clone())
    }

    /// What one costs was found out.
    pub fn measured(&self, bytes: Option<u64>, now: Instant) {
        let mut state = self.state();
        state.cost = (Cost::Bytes(bytes.unwrap_or(GUESS_BYTES)), now, state.ready.len());
    }

    /// Puts one on it that took so long to be made. It goes at once where the shelf is closed.
    pub fn put(&self, sandbox: Arc<Sandbox>, making: Duration) {
        let (changed, ends) = (self.changed.clone(), sandbox.ended());
        let watching = tokio::spawn(async move {
            ends.await;
            changed.notify_one();
        });
        let ready = Ready { sandbox, watching: watching.abort_handle() };
        let mut state = self.state();
        (state.making, state.retry) = (making, (RETRY.0, None));
        if !self.closed.is_cancelled() {
            state.ready.push(ready);
        }
    }

    /// Makes and gives none any more; those that nobody took go. Gives back how many that were.
    pub fn close(&self) -> usize {
        let mut state = self.state();
        self.closed.cancel();
        let unused: Vec<_> = state.ready.drain(..).map(|ready| ready.sandbox.clone()).collect();
        unused.iter().for_each(|sandbox| sandbox.destroy_soon());
        let count = unused.len();
        state.unused.extend(unused);
        count
    }

    /// Waits until those are gone that went when it was closed, and until none is being made.
    pub async fn emptied(&self) {
        let unused = std::mem::take(&mut self.state().unused);
        for sandbox in unused {
            sandbox.destroy().await;
        }
        let _ = self.making.subscribe().wait_for(|making| !making).await;
    }
}

impl State {
    fn lacks(&self) -> usize {
        let whole = self.ready.iter().filter(|ready| ready.sandbox.is_whole()).count();
        self.granted.saturating_sub(whole)
    }
}
