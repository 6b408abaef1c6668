//! Warm sandboxes that nobody uses yet: each with a Python context that is up, so that a request finds all made.
//!
//! A shelf is for one kind of request and is filled in the background. Whoever finds it empty makes a sandbox as if
//! there were no pool. A sandbox that was taken never comes back.

use crate::{Caller, Error, Interpreter, Sandbox, SandboxRequest};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// How long a shelf waits after it could not be filled; doubled each time, up to the second number.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));

/// All shelves of one interpreter.
#[derive(Default)]
pub(crate) struct Pool {
    shelves: Mutex<Vec<Arc<Shelf>>>,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// How often a sandbox was found ready, and how often one had to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolCounts {
    /// Found ready.
    pub hits: u64,
    /// Made.
    pub misses: u64,
}

struct Shelf {
    request: SandboxRequest,
    count: usize,
    ready: Mutex<Vec<Arc<Sandbox>>>,
    taken: Notify,
    full: watch::Sender<bool>,
    closed: AtomicBool,
}

/// Keeps sandboxes of one kind warm until it is dropped; those that nobody took are destroyed then.
#[derive(Debug)]
pub struct Warm {
    shelf: Weak<Shelf>,
    filling: tokio::task::AbortHandle,
    full: watch::Receiver<bool>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    /// A warm sandbox for exactly this request, now this caller's.
    pub fn take(&self, request: &SandboxRequest, caller: &Caller) -> Option<Arc<Sandbox>> {
        let shelves = lock(&self.shelves);
        let taken = shelves.iter().filter(|shelf| shelf.request == *request).find_map(|shelf| shelf.take());
        let taken = taken.filter(|sandbox| sandbox.give_to(caller));
        let counter = if taken.is_some() { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        taken
    }

    fn add(&self, shelf: Arc<Shelf>) {
        let mut shelves = lock(&self.shelves);
        shelves.retain(|shelf| !shelf.closed.load(Ordering::Acquire));
        shelves.push(shelf);
    }
}

impl Shelf {
    fn take(&self) -> Option<Arc<Sandbox>> {
        let taken = std::iter::from_fn(|| lock(&self.ready).pop()).find(|sandbox| sandbox.is_alive());
        self.full.send_replace(false);
        self.taken.notify_one();
        taken
    }
}

impl Interpreter {
    /// Keeps `count` sandboxes for requests equal to this one ready, each with a Python context, as long as what it
    /// gives back lives. They are made in the background, one at a time.
    ///
    /// # Errors
    /// A request that contradicts itself, or names a backend that does not exist.
    pub fn keep_warm(&self, request: SandboxRequest, count: usize) -> Result<Warm, Error> {
        let request = self.settled(request)?;
        let shelf = Arc::new(Shelf {
            request,
            count,
            ready: Mutex::default(),
            taken: Notify::new(),
            full: watch::Sender::new(count == 0),
            closed: AtomicBool::new(false),
        });
        let full = shelf.full.subscribe();
        let held = Arc::downgrade(&shelf);
        self.pool().add(shelf.clone());
        let filling = tokio::spawn(fill(self.downgrade(), held.clone())).abort_handle();
        Ok(Warm { shelf: held, filling, full })
    }
}

impl Interpreter {
    /// How the pool did so far.
    pub fn pool_counts(&self) -> PoolCounts {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        PoolCounts { hits: count(&self.pool().hits), misses: count(&self.pool().misses) }
    }
}

impl Warm {
    /// Waits until all are ready.
    pub async fn ready(&self) {
        let _ = self.full.clone().wait_for(|full| *full).await;
    }

    /// How many are ready now.
    pub fn count(&self) -> usize {
        self.shelf.upgrade().map_or(0, |shelf| lock(&shelf.ready).len())
    }
}

impl Drop for Warm {
    fn drop(&mut self) {
        self.filling.abort();
        if let Some(shelf) = self.shelf.upgrade() {
            shelf.closed.store(true, Ordering::Release);
            let unused = std::mem::take(&mut *lock(&shelf.ready));
            unused.iter().for_each(|sandbox| sandbox.destroy_soon());
        }
    }
}

async fn fill(interpreter: crate::interpreter::WeakInterpreter, shelf: Weak<Shelf>) {
    let mut pause = RETRY.0;
    loop {
        let (Some(interpreter), Some(shelf)) = (interpreter.upgrade(), shelf.upgrade()) else { return };
        lock(&shelf.ready).retain(|sandbox| sandbox.is_alive());
        if lock(&shelf.ready).len() >= shelf.count {
            shelf.full.send_replace(true);
            drop(interpreter);
            shelf.taken.notified().await;
            continue;
        }
        match interpreter.make_warm(shelf.request.clone()).await {
            Ok(sandbox) => {
                lock(&shelf.ready).push(sandbox);
                pause = RETRY.0;
            }
            // Whoever asks meanwhile is told why.
            Err(_) => {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(RETRY.1);
            }
        }
    }
}
