//! A sandbox that is kept between requests, with its contexts: until it is deleted, or nobody used it for its time to
//! live, or the moment comes that its caller named.

use crate::{Checkpoint, DeskError, Usual, attached::AllAttached, contexts::Room, queue::Permit};
use chrono::{DateTime, TimeDelta, Utc};
use interpreter::{Caller, Sandbox};
use protocol::{ContextId, Language, SandboxId};
use std::{
    any::Any,
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};
use tokio::{sync::watch, time::Instant};

/// How long a sandbox may be kept without being used, or at all where its end was named.
pub(crate) const TTL_MAX: Duration = Duration::from_secs(24 * 3600);

/// A sandbox that is kept.
pub struct Kept {
    sandbox: Arc<Sandbox>,
    /// What is installed.
    pub template: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    contexts: Mutex<BTreeMap<ContextId, Room>>,
    checkpoints: Mutex<Vec<Checkpoint>>,
    pub(crate) usual: Mutex<HashMap<Language, Usual>>,
    /// What the edge that made it keeps with it.
    edge: OnceLock<Arc<dyn Any + Send + Sync>>,
    pub(crate) attached: AllAttached,
    paused: watch::Sender<bool>,
    /// Held while it is paused or goes on again: one after the other.
    turning: tokio::sync::Mutex<()>,
    state: Mutex<State>,
    _permit: Permit,
}

struct State {
    ttl: Duration,
    /// When it ends however much it is used; its time to live counts for nothing then.
    end: Option<Instant>,
    /// Whether it is paused then instead.
    pauses: bool,
    /// How long it may be unused before it is paused.
    idle_max: Option<Duration>,
    /// Whether its end was named before it was paused.
    had_end: bool,
    metadata: BTreeMap<String, String>,
    leases: usize,
    last: Instant,
    spare: bool,
}

impl State {
    /// Whether its end has come, at which it is paused.
    fn is_over(&self) -> bool {
        self.pauses && self.end.is_some_and(|end| Instant::now() >= end)
    }

    /// Whether nobody used it for as long as it may be unused.
    fn is_idle(&self) -> bool {
        self.leases == 0 && self.idle_max.is_some_and(|after| self.last.elapsed() >= after)
    }
}

/// Keeps a sandbox from expiring while it is used; its time to live begins anew afterwards.
pub struct Lease(Arc<Kept>);

impl std::ops::Deref for Lease {
    type Target = Kept;
    fn deref(&self) -> &Kept {
        &self.0
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.leases -= 1;
        state.last = Instant::now();
    }
}

impl Kept {
    pub(crate) fn new(
        sandbox: Arc<Sandbox>,
        template: Option<String>,
        ttl: Duration,
        metadata: BTreeMap<String, String>,
        permit: Permit,
    ) -> Arc<Kept> {
        let state = State {
            ttl,
            end: None,
            pauses: false,
            idle_max: None,
            had_end: false,
            metadata,
            leases: 0,
            last: Instant::now(),
            spare: false,
        };
        Arc::new(Kept {
            sandbox,
            template,
            created_at: Utc::now(),
            contexts: Mutex::default(),
            checkpoints: Mutex::default(),
            usual: Mutex::default(),
            edge: OnceLock::new(),
            attached: AllAttached::default(),
            paused: watch::Sender::new(false),
            turning: tokio::sync::Mutex::default(),
            state: Mutex::new(state),
            _permit: permit,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn checkpoints_now(&self) -> MutexGuard<'_, Vec<Checkpoint>> {
        self.checkpoints.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn contexts_now(&self) -> MutexGuard<'_, BTreeMap<ContextId, Room>> {
        self.contexts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to use it.
    pub(crate) fn lease(self: &Arc<Self>) -> Lease {
        self.state().leases += 1;
        Lease(self.clone())
    }

    /// The sandbox.
    pub fn sandbox(&self) -> &Arc<Sandbox> {
        &self.sandbox
    }

    /// Its id.
    pub fn id(&self) -> &SandboxId {
        self.sandbox.id()
    }

    /// Whose it is.
    pub fn caller(&self) -> &Caller {
        self.sandbox.caller()
    }

    /// How long it is kept without being used.
    pub fn ttl(&self) -> Duration {
        self.state().ttl
    }

    /// When it ends where nobody uses it any more, or at the latest.
    pub fn expires_at(&self) -> DateTime<Utc> {
        let left = TimeDelta::from_std(self.left()).unwrap_or(TimeDelta::MAX);
        Utc::now().checked_add_signed(left).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// How long it is kept where nobody uses it any more.
    pub(crate) fn left(&self) -> Duration {
        let state = self.state();
        if let Some(end) = state.end {
            return end.saturating_duration_since(Instant::now());
        }
        let unused = if state.leases > 0 { Duration::ZERO } else { state.last.elapsed() };
        state.ttl.saturating_sub(unused)
    }

    /// What its caller noted about it.
    pub fn metadata(&self) -> BTreeMap<String, String> {
        self.state().metadata.clone()
    }

    /// Whoever uses it wants it: it gives way no more.
    pub fn claim(&self) {
        self.state().spare = false;
    }

    /// Nobody asked for it: it gives way where room is needed.
    pub(crate) fn give_way(&self) {
        self.state().spare = true;
    }

    /// Since when nobody uses it, where it gives way.
    pub(crate) fn spare_since(&self) -> Option<Instant> {
        let state = self.state();
        (state.spare && state.leases == 0).then_some(state.last)
    }

    /// Whether it must go.
    pub(crate) fn has_expired(&self) -> bool {
        let state = self.state();
        let over = match state.end {
            // It stands still in a moment.
            Some(_) if state.pauses && !self.is_paused() => false,
            Some(end) => Instant::now() >= end,
            None => state.leases == 0 && state.last.elapsed() >= state.ttl,
        };
        over || !self.sandbox.is_alive()
    }

    /// It ends so long from now, however much it is used.
    ///
    /// # Errors
    /// When that is longer than anything is kept.
    pub fn end_in(&self, left: Duration) -> Result<(), DeskError> {
        check_end(left)?;
        self.state().end = Some(Instant::now() + left);
        Ok(())
    }

    /// The same where that is later than what was said before.
    ///
    /// # Errors
    /// As for [`Kept::end_in`].
    pub fn end_no_sooner_than_in(&self, left: Duration) -> Result<(), DeskError> {
        check_end(left)?;
        let mut state = self.state();
        let end = Instant::now() + left;
        state.end = Some(state.end.map_or(end, |before| before.max(end)));
        Ok(())
    }

    /// When its end comes it is paused instead.
    pub fn pause_at_end(&self) {
        self.state().pauses = true;
    }

    /// It is paused where nobody used it for so long; the next use wakes it. `None`: it is not.
    ///
    /// # Errors
    /// When that is nothing, or longer than anything is kept.
    pub fn pause_when_idle(&self, after: Option<Duration>) -> Result<(), DeskError> {
        if let Some(after) = after {
            check_end(after)?;
        }
        self.state().idle_max = after;
        Ok(())
    }

    /// How long it may be unused before it is paused.
    pub fn idle_max(&self) -> Option<Duration> {
        self.state().idle_max
    }

    /// Whether it is to be paused now, because its end has come or nobody used it.
    pub(crate) fn has_to_pause(&self) -> bool {
        let state = self.state();
        !self.is_paused() && (state.is_over() || state.is_idle())
    }

    /// Pauses it where it still has to be.
    pub(crate) async fn pause_in_time(&self) -> Result<bool, DeskError> {
        {
            let state = self.state();
            // Whoever begins to use it now waits for this lock, and wakes it.
            let due = state.is_over() || state.is_idle();
            if !due || self.paused.send_replace(true) {
                return Ok(false);
            }
        }
        self.stand_still().await
    }

    /// Whether everything in it stands still.
    pub fn is_paused(&self) -> bool {
        *self.paused.borrow()
    }

    /// Waits until everything in it stands still, or is about to.
    pub async fn paused(&self) {
        let _ = self.paused.subscribe().wait_for(|paused| *paused).await;
    }

    /// Lets everything in it stand still; it is kept so for a day. False where it does already.
    ///
    /// # Errors
    /// When it is gone.
    pub async fn pause(&self) -> Result<bool, DeskError> {
        // Told first: who streams from it breaks off before it says nothing more.
        if self.paused.send_replace(true) {
            return Ok(false);
        }
        self.stand_still().await
    }

    async fn stand_still(&self) -> Result<bool, DeskError> {
        let _turn = self.turning.lock().await;
        // Somebody who uses it came first.
        if !self.is_paused() {
            return Ok(false);
        }
        {
            let mut state = self.state();
            state.had_end = state.end.is_some();
            state.end = Some(Instant::now() + TTL_MAX);
        }
        self.sandbox.pause().await?;
        Ok(true)
    }

    /// Lets everything in it go on, and ends it so long from now. False where it goes on already.
    ///
    /// # Errors
    /// When it is gone, or that is longer than anything is kept.
    pub async fn resume(&self, left: Duration) -> Result<bool, DeskError> {
        check_end(left)?;
        let _turn = self.turning.lock().await;
        if !self.is_paused() {
            return Ok(false);
        }
        self.sandbox.resume().await?;
        self.state().end = Some(Instant::now() + left);
        Ok(self.paused.send_replace(false))
    }

    /// Lets everything in it go on, where it is paused, and is kept then as it was before.
    ///
    /// # Errors
    /// When it is gone.
    pub async fn wake(&self) -> Result<(), DeskError> {
        if !self.is_paused() {
            return Ok(());
        }
        let _turn = self.turning.lock().await;
        if self.is_paused() {
            self.sandbox.resume().await?;
            let mut state = self.state();
            state.last = Instant::now();
            state.end = state.had_end.then(|| Instant::now() + state.ttl);
            self.paused.send_replace(false);
        }
        Ok(())
    }

    /// Keeps what an edge knows about it as long as the sandbox itself; once.
    pub fn keep_for_edge<T: Any + Send + Sync>(&self, what: Arc<T>) {
        let _ = self.edge.set(what);
    }

    /// What an edge keeps with it, where that is of this type.
    pub fn of_edge<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.edge.get()?.clone().downcast().ok()
    }

    pub(crate) fn set(&self, ttl: Option<Duration>, metadata: Option<BTreeMap<String, String>>) {
        let mut state = self.state();
        state.last = Instant::now();
        state.ttl = ttl.unwrap_or(state.ttl);
        if let Some(metadata) = metadata {
            state.metadata = metadata;
        }
    }

    /// Destroys it; what runs in it ends as `lost`.
    pub(crate) async fn destroy(&self) {
        self.sandbox.destroy().await;
        self.contexts_now().clear();
        self.checkpoints_now().clear();
    }
}

fn check_end(left: Duration) -> Result<(), DeskError> {
    if left <= TTL_MAX {
        return Ok(());
    }
    let what = format!("a timeout of {} seconds", left.as_secs());
    Err(DeskError::Request { what, why: format!("it is {} at most", TTL_MAX.as_secs()) })
}
