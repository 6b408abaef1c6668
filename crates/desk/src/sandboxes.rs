//! The sandboxes that are kept: made, found by their caller only, listed, changed, deleted.

use crate::{Desk, DeskError, Kept, Lease, Page, Turn, Visitor, Want, kept::TTL_MAX};
use interpreter::{Caller, Context, Sandbox, SandboxRequest};
use protocol::SandboxId;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Nobody should try again sooner.
const RETRY_MIN: Duration = Duration::from_secs(1);
/// What callers may note about one sandbox.
const METADATA_MAX: usize = 64;
const METADATA_BYTES_MAX: usize = 16 << 10;

/// What a sandbox that is kept shall be.
#[derive(Debug, Clone)]
pub struct NewSandbox {
    /// The sandbox.
    pub sandbox: SandboxRequest,
    /// How long it is kept without being used; the server's default where it is absent.
    pub ttl: Option<Duration>,
    /// What its caller notes about it.
    pub metadata: BTreeMap<String, String>,
}

/// A sandbox that was made for one run and may be kept for what that left in it.
pub struct Spare {
    /// The sandbox.
    pub sandbox: Arc<Sandbox>,
    /// Where code of its language goes on, if anywhere.
    pub context: Option<Arc<Context>>,
    /// What is installed.
    pub template: Option<String>,
    /// How long it is kept without being used.
    pub ttl: Duration,
}

/// What can be changed. What is absent stays as it is.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// How long it is kept without being used; begins anew.
    pub ttl: Option<Duration>,
    /// What its caller notes about it, all of it.
    pub metadata: Option<BTreeMap<String, String>>,
}

/// All that are kept.
#[derive(Default)]
pub(crate) struct Sandboxes {
    kept: Mutex<State>,
}

#[derive(Default)]
struct State {
    kept: BTreeMap<SandboxId, Arc<Kept>>,
    /// Sandboxes of each caller, those that are being made included.
    counts: BTreeMap<String, usize>,
}

impl Sandboxes {
    fn state(&self) -> MutexGuard<'_, State> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.state().kept.len()
    }

    fn reserve(&self, caller: &Caller, own_max: usize, all_max: usize) -> Result<(), DeskError> {
        let mut state = self.state();
        let all: usize = state.counts.values().sum();
        let own = state.counts.get(&caller.0).copied().unwrap_or_default();
        if own >= own_max || all >= all_max {
            let its = |kept: &&Arc<Kept>| all >= all_max || kept.caller() == caller;
            let first = state.kept.values().filter(its).map(|kept| kept.left()).min();
            // Those that are made now may end at once.
            let retry_after = first.unwrap_or_default().max(RETRY_MIN);
            return Err(DeskError::SandboxesFull { count: own, retry_after });
        }
        state.counts.insert(caller.0.clone(), own + 1);
        Ok(())
    }

    /// The sandbox that gives way first, of one caller or of all; it is found no more.
    fn take_spare(&self, of: Option<&Caller>) -> Option<Arc<Kept>> {
        let mut state = self.state();
        let spares = state.kept.values().filter(|kept| of.is_none_or(|caller| kept.caller() == caller));
        let unused = spares.filter_map(|kept| Some((kept.spare_since()?, kept.id().clone())));
        let (_, id) = unused.min()?;
        state.kept.remove(&id)
    }

    fn release(&self, caller: &Caller) {
        let mut state = self.state();
        if let Some(count) = state.counts.get_mut(&caller.0) {
            *count -= 1;
            if *count == 0 {
                state.counts.remove(&caller.0);
            }
        }
    }

    fn find_of_anybody(&self, id: &SandboxId) -> Result<Arc<Kept>, DeskError> {
        let found = self.state().kept.get(id).filter(|kept| !kept.has_expired()).cloned();
        found.ok_or_else(|| DeskError::NotFound { what: format!("the sandbox {id}") })
    }

    fn find(&self, caller: &Caller, id: &SandboxId) -> Result<Arc<Kept>, DeskError> {
        let found = self.find_of_anybody(id).ok().filter(|kept| kept.caller() == caller);
        found.ok_or_else(|| DeskError::NotFound { what: format!("the sandbox {id}") })
    }

    /// Those that must go; they are found no more.
    pub fn take_expired(&self) -> Vec<Arc<Kept>> {
        let mut state = self.state();
        let expired = |kept: &&Arc<Kept>| kept.has_expired();
        let ids: Vec<SandboxId> = state.kept.values().filter(expired).map(|kept| kept.id().clone()).collect();
        ids.iter().filter_map(|id| state.kept.remove(id)).collect()
    }

    /// Those that must stand still now.
    pub fn to_pause(&self) -> Vec<Arc<Kept>> {
        self.state().kept.values().filter(|kept| kept.has_to_pause()).cloned().collect()
    }

    /// All of them; none is found any more.
    pub fn take_all(&self) -> Vec<Arc<Kept>> {
        std::mem::take(&mut self.state().kept).into_values().collect()
    }

    /// Destroys one that was taken.
    pub async fn destroy(&self, kept: Arc<Kept>) {
        kept.destroy().await;
        self.release(kept.caller());
    }
}

impl Desk {
    /// Makes a sandbox and keeps it.
    ///
    /// # Errors
    /// When the caller may have no more, the request contradicts itself, or there can be none now.
    pub async fn create_sandbox(&self, visitor: &Visitor, new: NewSandbox) -> Result<Lease, DeskError> {
        let ttl = new.ttl.unwrap_or(self.settings().ttl);
        check_ttl(ttl)?;
        check_metadata(&new.metadata)?;
        self.settings().ceiling.check(&new.sandbox.limits)?;
        let caller = visitor.caller();
        let reserved = self.make_room(visitor).await?;
        let want = Want { memory_bytes: new.sandbox.limits.memory_bytes, ..Want::default() };
        self.free_memory(want);
        let permit = self.queue().admit(caller, want, u32::MAX).await?;
        let template = new.sandbox.template.clone();
        let sandbox = self.interpreter().create_sandbox(caller, new.sandbox).await?;
        let kept = Kept::new(sandbox, template, ttl, new.metadata, permit);
        let lease = kept.lease();
        if self.is_closing() {
            kept.destroy().await;
            return Err(DeskError::Closing);
        }
        self.sandboxes().state().kept.insert(kept.id().clone(), kept);
        reserved.keep();
        Ok(lease)
    }

    /// Keeps a sandbox that nobody asked for, for what is in it, where there is room. It gives way to any other.
    pub async fn keep_spare(&self, turn: Turn, spare: Spare) -> Option<Lease> {
        let Turn { visitor, mut permit, .. } = turn;
        let Spare { sandbox, context, template, ttl } = spare;
        let reserved = self.make_room(&visitor).await.ok().filter(|_| !self.is_closing())?;
        permit.keep_memory();
        let kept = Kept::new(sandbox, template, ttl, BTreeMap::new(), permit);
        kept.give_way();
        context.inspect(|context| kept.adopt(context));
        let lease = kept.lease();
        self.sandboxes().state().kept.insert(kept.id().clone(), kept);
        reserved.keep();
        Some(lease)
    }

    /// Room for one more sandbox; one that nobody asked for gives way where there is none.
    async fn make_room<'a>(&'a self, visitor: &'a Visitor) -> Result<Reserved<'a>, DeskError> {
        let (caller, own_max) = (visitor.caller(), visitor.allowance.sandboxes_max());
        loop {
            let full = match self.sandboxes().reserve(caller, own_max, self.settings().sandboxes_max) {
                Ok(()) => return Ok(Reserved { desk: self, caller, kept: false }),
                Err(full) => full,
            };
            let own_are_too_many = matches!(full, DeskError::SandboxesFull { count, .. } if count >= own_max);
            let of = own_are_too_many.then_some(caller);
            let spare = self.sandboxes().take_spare(Some(caller)).or_else(|| self.sandboxes().take_spare(of));
            self.sandboxes().destroy(spare.ok_or(full)?).await;
        }
    }

    /// Sandboxes that nobody asked for give way where memory is lacking.
    pub(crate) fn free_memory(&self, want: Want) {
        let mut lacks = self.queue().lacks_memory(want);
        while lacks > 0 {
            let Some(spare) = self.sandboxes().take_spare(None) else { return };
            lacks = lacks.saturating_sub(spare.sandbox().limits().memory_bytes);
            let desk = self.clone();
            tokio::spawn(async move { desk.sandboxes().destroy(spare).await });
        }
    }

    /// A sandbox of the visitor's, which does not expire meanwhile.
    ///
    /// # Errors
    /// When there is none of that id, also when it is somebody else's.
    pub fn sandbox(&self, visitor: &Visitor, id: &SandboxId) -> Result<Lease, DeskError> {
        let kept = self.sandboxes().find(visitor.caller(), id)?;
        match kept.is_paused() {
            true => Err(DeskError::Conflict { what: format!("use {id}: it is paused") }),
            false => Ok(kept.lease()),
        }
    }

    /// The same; one that is paused goes on.
    ///
    /// # Errors
    /// When there is none of that id, also when it is somebody else's.
    pub async fn sandbox_awake(&self, visitor: &Visitor, id: &SandboxId) -> Result<Lease, DeskError> {
        let lease = self.sandboxes().find(visitor.caller(), id)?.lease();
        lease.wake().await?;
        Ok(lease)
    }

    /// A sandbox, whosever it is, for edges that look at a secret of the sandbox itself.
    ///
    /// # Errors
    /// When there is none of that id.
    pub fn sandbox_of_anybody(&self, id: &SandboxId) -> Result<Arc<Kept>, DeskError> {
        self.sandboxes().find_of_anybody(id)
    }

    /// All sandboxes, whosever they are; for the same.
    pub fn sandboxes_of_anybody(&self) -> Vec<Arc<Kept>> {
        self.sandboxes().state().kept.values().filter(|kept| !kept.has_expired()).cloned().collect()
    }

    /// The visitor's own, without using it: its time to live goes on.
    ///
    /// # Errors
    /// As for [`Desk::sandbox`].
    pub fn look_at_sandbox(&self, visitor: &Visitor, id: &SandboxId) -> Result<Arc<Kept>, DeskError> {
        self.sandboxes().find(visitor.caller(), id)
    }

    /// The visitor's sandboxes that have all these notes, in the order of their ids, after the one named `after`.
    pub fn list_sandboxes(
        &self,
        visitor: &Visitor,
        notes: &BTreeMap<String, String>,
        after: Option<&SandboxId>,
        limit: usize,
    ) -> Page<Arc<Kept>> {
        let state = self.sandboxes().state();
        let own = state.kept.values().filter(|kept| kept.caller() == visitor.caller() && !kept.has_expired());
        let noted = own.filter(|kept| {
            let metadata = kept.metadata();
            notes.iter().all(|(name, value)| metadata.get(name) == Some(value))
        });
        let rest = noted.filter(|kept| after.is_none_or(|after| kept.id() > after));
        Page::cut(rest.cloned(), limit, |kept| kept.id().to_string())
    }

    /// Changes what can be changed.
    ///
    /// # Errors
    /// When the sandbox is not there, or a value cannot be.
    pub fn change_sandbox(
        &self,
        visitor: &Visitor,
        id: &SandboxId,
        change: Change,
    ) -> Result<Arc<Kept>, DeskError> {
        let kept = self.look_at_sandbox(visitor, id)?;
        change.ttl.map_or(Ok(()), check_ttl)?;
        change.metadata.as_ref().map_or(Ok(()), check_metadata)?;
        kept.set(change.ttl, change.metadata);
        Ok(kept)
    }

    /// Destroys a sandbox with everything in it, and returns when that is done.
    ///
    /// # Errors
    /// When there is none of that id.
    pub async fn delete_sandbox(&self, visitor: &Visitor, id: &SandboxId) -> Result<(), DeskError> {
        let kept = self.look_at_sandbox(visitor, id)?;
        let taken = self.sandboxes().state().kept.remove(id);
        if taken.is_some() {
            // By a task of its own: half a deletion is none, also where nobody waits for it any more.
            let desk = self.clone();
            let destroyed = tokio::spawn(async move { desk.sandboxes().destroy(kept).await });
            let _ = destroyed.await;
        }
        Ok(())
    }
}

/// Room for one sandbox, given back unless it is kept.
struct Reserved<'a> {
    desk: &'a Desk,
    caller: &'a Caller,
    kept: bool,
}

impl Reserved<'_> {
    fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        if !self.kept {
            self.desk.sandboxes().release(self.caller);
        }
    }
}

fn check_ttl(ttl: Duration) -> Result<(), DeskError> {
    let why = match ttl {
        Duration::ZERO => "a time to live is more than 0",
        ttl if ttl > TTL_MAX => "a sandbox is kept for 86400 seconds without being used at most",
        _ => return Ok(()),
    };
    Err(DeskError::Request { what: format!("ttl_seconds = {}", ttl.as_secs()), why: why.to_owned() })
}

fn check_metadata(metadata: &BTreeMap<String, String>) -> Result<(), DeskError> {
    let bytes: usize = metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    if metadata.len() <= METADATA_MAX && bytes <= METADATA_BYTES_MAX {
        return Ok(());
    }
    let why = "a sandbox has 64 notes at most, and 16K of them".to_owned();
    Err(DeskError::Request { what: "this metadata".to_owned(), why })
}
