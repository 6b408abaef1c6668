//! Who may begin now: admits by what the machine has and by what a caller may have at once; the rest waits in turn.
//!
//! Callers take turns, so that one with a thousand requests holds up nobody who has one. The queue is bounded, and so
//! is the wait.

use crate::DeskError;
use interpreter::Caller;
use serde::Serialize;
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// What something takes while it runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Want {
    /// CPUs, in thousandths of one.
    pub cpu_millis: u64,
    /// Memory, in bytes.
    pub memory_bytes: u64,
    /// One execution of its caller.
    pub executions: u32,
}

/// How much waits and runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct QueueState {
    /// What waits.
    pub waiting: usize,
    /// What can wait at most.
    pub waiting_max: usize,
    /// What was admitted and has not ended.
    pub admitted: usize,
}

/// How large the queue is, and what it shares out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// All there is.
    pub whole: Want,
    /// Requests that wait at most.
    pub waiting_max: usize,
    /// How long one waits at most.
    pub wait_max: Duration,
}

/// The queue. Clones share it.
#[derive(Clone)]
pub struct Queue {
    bounds: Bounds,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    used: Want,
    admitted: usize,
    waiting: usize,
    closed: bool,
    /// Callers with somebody who waits, whose turn it is first.
    turns: VecDeque<Caller>,
    callers: HashMap<Caller, Line>,
    /// How long things held what they were given, on the average.
    held: Duration,
}

/// One caller's.
#[derive(Default)]
struct Line {
    waiting: VecDeque<Waiter>,
    executions: u32,
}

struct Waiter {
    want: Want,
    executions_max: u32,
    granted: oneshot::Sender<Permit>,
}

/// What was given; goes back on drop.
pub struct Permit {
    queue: Option<Queue>,
    caller: Caller,
    want: Want,
    since: Instant,
}

impl Permit {
    /// Gives back everything but the memory.
    pub fn keep_memory(&mut self) {
        let memory_bytes = self.want.memory_bytes;
        let back = Want { memory_bytes: 0, ..self.want };
        self.want = Want { memory_bytes, ..Want::default() };
        if let Some(queue) = &self.queue {
            queue.give_part(&self.caller, back);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(queue) = self.queue.take() {
            queue.give_back(&self.caller, self.want, self.since);
        }
    }
}

impl Queue {
    /// An empty one.
    pub fn new(bounds: Bounds) -> Queue {
        Queue { bounds, state: Arc::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How much waits and runs.
    pub fn look(&self) -> QueueState {
        let state = self.state();
        QueueState { waiting: state.waiting, waiting_max: self.bounds.waiting_max, admitted: state.admitted }
    }

    /// Waits for its turn, then takes what is wanted, which is never more than there is.
    ///
    /// # Errors
    /// When too many wait already, the wait is too long, or the queue was closed.
    pub async fn admit(&self, caller: &Caller, want: Want, executions_max: u32) -> Result<Permit, DeskError> {
        let whole = self.bounds.whole;
        let want = Want {
            cpu_millis: want.cpu_millis.min(whole.cpu_millis),
            memory_bytes: want.memory_bytes.min(whole.memory_bytes),
            ..want
        };
        let granted = {
            let mut state = self.state();
            if state.closed {
                return Err(DeskError::Closing);
            }
            let fits = state.fits(caller, want, executions_max, whole);
            if fits && state.turns.is_empty() {
                return Ok(self.grant(&mut state, caller.clone(), want));
            }
            if state.waiting >= self.bounds.waiting_max {
                return Err(self.full(&state));
            }
            let (sender, granted) = oneshot::channel();
            state.wait(caller, Waiter { want, executions_max, granted: sender });
            self.go_on(&mut state);
            granted
        };
        match tokio::time::timeout(self.bounds.wait_max, granted).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(DeskError::Closing),
            Err(_) => Err(self.full(&self.state())),
        }
    }

    /// Memory that is lacking to begin now, in bytes.
    pub fn lacks_memory(&self, want: Want) -> u64 {
        let whole = self.bounds.whole.memory_bytes;
        let used = self.state().used.memory_bytes;
        want.memory_bytes.min(whole).saturating_sub(whole.saturating_sub(used))
    }

    /// Admits nobody any more; whoever waits is told.
    pub fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.turns.clear();
        state.waiting = 0;
        state.callers.values_mut().for_each(|line| line.waiting.clear());
    }

    fn full(&self, state: &State) -> DeskError {
        let turns = state.waiting / state.admitted.max(1) + 1;
        let retry_after = (state.held * u32::try_from(turns).unwrap_or(u32::MAX))
            .clamp(Duration::from_secs(1), Duration::from_secs(60));
        let queue = QueueState {
            waiting: state.waiting,
            waiting_max: self.bounds.waiting_max,
            admitted: state.admitted,
        };
        DeskError::Busy { queue, retry_after }
    }

    fn grant(&self, state: &mut State, caller: Caller, want: Want) -> Permit {
        state.used.cpu_millis += want.cpu_millis;
        state.used.memory_bytes += want.memory_bytes;
        state.admitted += 1;
        state.callers.entry(caller.clone()).or_default().executions += want.executions;
        Permit { queue: Some(self.clone()), caller, want, since: Instant::now() }
    }

    /// Gives to whoever is next, as long as there is enough. Who may not have more is passed over; who needs more than
    /// is left is waited for, or large requests would wait for ever.
    fn go_on(&self, state: &mut State) {
        let mut passed = 0;
        while passed < state.turns.len() {
            let Some(caller) = state.turns.pop_front() else { return };
            let Some(line) = state.callers.get_mut(&caller) else { continue };
            line.waiting.retain(|waiter| !waiter.granted.is_closed());
            let Some(first) = line.waiting.front() else { continue };
            let (want, executions_max) = (first.want, first.executions_max);
            if !state.may(&caller, want, executions_max) {
                state.turns.push_back(caller);
                passed += 1;
                continue;
            }
            if !state.has(want, self.bounds.whole) {
                state.turns.push_front(caller);
                break;
            }
            let line = state.callers.entry(caller.clone()).or_default();
            let waiter = line.waiting.pop_front();
            if !line.waiting.is_empty() {
                state.turns.push_back(caller.clone());
            }
            passed = 0;
            if let Some(waiter) = waiter {
                let permit = self.grant(state, caller, want);
                if let Err(mut unwanted) = waiter.granted.send(permit) {
                    // Not by its drop, which would lock again.
                    unwanted.queue = None;
                    state.take_back(&unwanted.caller, unwanted.want);
                }
            }
        }
        state.count();
    }

    fn give_part(&self, caller: &Caller, part: Want) {
        let mut state = self.state();
        state.give(caller, part);
        self.go_on(&mut state);
    }

    fn give_back(&self, caller: &Caller, want: Want, since: Instant) {
        let mut state = self.state();
        state.take_back(caller, want);
        state.held = (state.held * 7 + since.elapsed()) / 8;
        self.go_on(&mut state);
        state.forget(caller);
    }
}

impl State {
    fn has(&self, want: Want, whole: Want) -> bool {
        self.used.cpu_millis + want.cpu_millis <= whole.cpu_millis
            && self.used.memory_bytes + want.memory_bytes <= whole.memory_bytes
    }

    fn may(&self, caller: &Caller, want: Want, executions_max: u32) -> bool {
        let now = self.callers.get(caller).map_or(0, |line| line.executions);
        want.executions == 0 || now < executions_max
    }

    fn fits(&self, caller: &Caller, want: Want, executions_max: u32, whole: Want) -> bool {
        self.has(want, whole) && self.may(caller, want, executions_max)
    }

    fn wait(&mut self, caller: &Caller, waiter: Waiter) {
        let line = self.callers.entry(caller.clone()).or_default();
        line.waiting.push_back(waiter);
        if !self.turns.contains(caller) {
            self.turns.push_back(caller.clone());
        }
        self.waiting += 1;
    }

    fn take_back(&mut self, caller: &Caller, want: Want) {
        self.admitted -= 1;
        self.give(caller, want);
    }

    fn give(&mut self, caller: &Caller, want: Want) {
        self.used.cpu_millis -= want.cpu_millis;
        self.used.memory_bytes -= want.memory_bytes;
        if let Some(line) = self.callers.get_mut(caller) {
            line.executions -= want.executions;
        }
    }

    fn forget(&mut self, caller: &Caller) {
        if self.callers.get(caller).is_some_and(|line| line.waiting.is_empty() && line.executions == 0) {
            self.callers.remove(caller);
        }
    }

    /// Those who left are noticed when it would have been their turn.
    fn count(&mut self) {
        self.waiting = self.callers.values().map(|line| line.waiting.len()).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(executions: u64, waiting_max: usize) -> Queue {
        let whole = Want { cpu_millis: executions * 1000, memory_bytes: 1 << 40, executions: 0 };
        Queue::new(Bounds { whole, waiting_max, wait_max: Duration::from_secs(5) })
    }

    const ONE: Want = Want { cpu_millis: 1000, memory_bytes: 1, executions: 1 };

    fn caller(name: &str) -> Caller {
        Caller(name.to_owned())
    }

    fn ask(queue: &Queue, name: &str, want: Want) -> tokio::task::JoinHandle<Result<Permit, DeskError>> {
        let (queue, caller) = (queue.clone(), caller(name));
        tokio::spawn(async move { queue.admit(&caller, want, 100).await })
    }

    async fn settle() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn callers_take_turns() {
        let queue = queue(1, 100);
        let first = queue.admit(&caller("a"), ONE, 100).await.unwrap();
        let order = Arc::new(Mutex::new(Vec::new()));
        for name in ["a", "a", "a", "b", "c", "b"] {
            let (queue, order) = (queue.clone(), order.clone());
            tokio::spawn(async move {
                let _permit = queue.admit(&caller(name), ONE, 100).await.unwrap();
                order.lock().unwrap().push(name);
                settle().await;
            });
            settle().await;
        }
        assert_eq!(queue.look(), QueueState { waiting: 6, waiting_max: 100, admitted: 1 });
        drop(first);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(*order.lock().unwrap(), ["a", "b", "c", "a", "b", "a"]);
        assert_eq!(queue.look(), QueueState { waiting: 0, waiting_max: 100, admitted: 0 });
        assert!(queue.state().callers.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn the_queue_and_the_wait_are_bounded() {
        let queue = queue(1, 2);
        let _first = queue.admit(&caller("a"), ONE, 100).await.unwrap();
        let waits = [ask(&queue, "a", ONE), ask(&queue, "b", ONE)];
        settle().await;
        let full = queue.admit(&caller("c"), ONE, 100).await.map(drop).unwrap_err();
        assert_eq!(full.code(), "busy");
        assert!(full.retry_after().unwrap() >= Duration::from_secs(1));
        for wait in waits {
            assert_eq!(wait.await.unwrap().map(drop).unwrap_err().code(), "busy", "after its deadline");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_may_not_have_more_holds_up_nobody() {
        let queue = queue(3, 10);
        let first = queue.admit(&caller("a"), ONE, 1).await.unwrap();
        let (queue2, second) = (queue.clone(), caller("a"));
        let second = tokio::spawn(async move { queue2.admit(&second, ONE, 1).await });
        settle().await;
        assert!(ask(&queue, "b", ONE).await.unwrap().is_ok());
        assert!(!second.is_finished());
        drop(first);
        assert!(second.await.unwrap().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn large_requests_are_waited_for_and_never_more_than_there_is() {
        let queue = queue(2, 10);
        let small = queue.admit(&caller("a"), ONE, 100).await.unwrap();
        let large = ask(&queue, "b", Want { cpu_millis: 64_000, ..ONE });
        settle().await;
        let late = ask(&queue, "c", ONE);
        settle().await;
        assert!(!large.is_finished() && !late.is_finished());
        drop(small);
        let large = large.await.unwrap().unwrap();
        assert!(!late.is_finished());
        drop(large);
        assert!(late.await.unwrap().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn what_keeps_only_its_memory_lets_others_begin() {
        let queue = queue(1, 10);
        let mut first = queue.admit(&caller("a"), ONE, 1).await.unwrap();
        let second = ask(&queue, "a", ONE);
        settle().await;
        assert!(!second.is_finished());
        first.keep_memory();
        drop(second.await.unwrap().unwrap());
        assert_eq!(queue.lacks_memory(Want { memory_bytes: 1 << 41, ..ONE }), 1, "of all there is");
        assert_eq!(queue.lacks_memory(ONE), 0);
        drop(first);
        assert_eq!((queue.look().admitted, queue.state().used), (0, Want::default()));
    }

    #[tokio::test(start_paused = true)]
    async fn who_leaves_is_forgotten_and_who_waits_at_the_end_is_told() {
        let queue = queue(1, 10);
        let first = queue.admit(&caller("a"), ONE, 100).await.unwrap();
        let leaves = ask(&queue, "b", ONE);
        let stays = ask(&queue, "c", ONE);
        settle().await;
        leaves.abort();
        settle().await;
        drop(first);
        let second = stays.await.unwrap().unwrap();
        let told = ask(&queue, "d", ONE);
        settle().await;
        queue.close();
        assert_eq!(told.await.unwrap().map(drop).unwrap_err().code(), "closing");
        drop(second);
        assert_eq!(queue.look().admitted, 0);
    }
}
