//! Sandboxes that clients hold by their ids: bounded in number, destroyed when nobody used them for their time to live.
//!
//! A spare is a sandbox that nobody asked for: it is kept for the files that a run left in it, and gives way first.

use super::refusal::Refusal;
use interpreter::{Caller, Context, Sandbox};
use protocol::{Language, SandboxId};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// How long a spare is kept.
pub const SPARE_TTL: Duration = Duration::from_secs(300);
/// How often the registry looks for what has expired.
const SWEEP: Duration = Duration::from_secs(1);

/// The context of one language, where there is one yet; locked while code runs in it.
pub type Slot = Arc<tokio::sync::Mutex<Option<Arc<Context>>>>;

/// A sandbox that is kept.
pub struct Kept {
    sandbox: Arc<Sandbox>,
    contexts: [Slot; 3],
    usage: Mutex<Usage>,
    room: OwnedSemaphorePermit,
}

struct Usage {
    leases: u32,
    last: Instant,
    ttl: Duration,
    spare: bool,
}

impl Kept {
    fn usage(&self) -> MutexGuard<'_, Usage> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_expired(&self) -> bool {
        let usage = self.usage();
        !self.sandbox.is_alive() || usage.leases == 0 && usage.last.elapsed() >= usage.ttl
    }
}

/// Keeps a sandbox from expiring while it is used.
pub struct Lease {
    kept: Arc<Kept>,
    /// Its time to live begins anew afterwards.
    renews: bool,
}

impl Lease {
    fn of(kept: Arc<Kept>) -> Lease {
        Lease::new(kept, true)
    }

    /// Only to look at it.
    fn passing(kept: Arc<Kept>) -> Lease {
        Lease::new(kept, false)
    }

    fn new(kept: Arc<Kept>, renews: bool) -> Lease {
        kept.usage().leases += 1;
        Lease { kept, renews }
    }

    /// The sandbox.
    pub fn sandbox(&self) -> &Arc<Sandbox> {
        &self.kept.sandbox
    }

    /// Whoever uses it wants it: it gives way no more.
    pub fn claim(&self) {
        self.kept.usage().spare = false;
    }

    /// The context of a language.
    pub fn slot(&self, language: Language) -> Slot {
        self.kept.contexts[language as usize].clone()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut usage = self.kept.usage();
        usage.leases -= 1;
        if self.renews {
            usage.last = Instant::now();
        }
    }
}

/// All sandboxes that are kept. Dropping it destroys them.
pub struct Registry {
    kept: Mutex<BTreeMap<SandboxId, Arc<Kept>>>,
    room: Arc<Semaphore>,
    size: usize,
}

impl Registry {
    /// With room for so many.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn open(size: usize) -> Arc<Registry> {
        let room = Arc::new(Semaphore::new(size));
        let registry = Arc::new(Registry { kept: Mutex::default(), room, size });
        tokio::spawn(sweep(Arc::downgrade(&registry)));
        registry
    }

    /// Room for one more sandbox; a spare gives way where there is none.
    ///
    /// # Errors
    /// When all room is taken by sandboxes that were asked for; the caller is told its own.
    pub fn reserve(&self, caller: &Caller) -> Result<OwnedSemaphorePermit, Refusal> {
        let free = self.room.clone().try_acquire_owned().ok();
        if let Some(room) = free.or_else(|| self.take_spare()) {
            return Ok(room);
        }
        let own: Vec<String> = self.of(caller).iter().map(|lease| lease.sandbox().id().to_string()).collect();
        let message =
            format!("keep one more sandbox: there are {} already, and there is no more room", self.size);
        let hint = match own.as_slice() {
            [] => "try again later, or run code without `sandbox`".to_owned(),
            own => format!("go on in one of yours, or close one with close_sandbox: {}", own.join(", ")),
        };
        Err(Refusal::new("sandboxes_full", message, hint))
    }

    /// Keeps a sandbox in the room that was reserved for it.
    pub fn keep(&self, sandbox: Arc<Sandbox>, ttl: Duration, room: OwnedSemaphorePermit) -> Lease {
        self.add(sandbox, room, Usage { leases: 0, last: Instant::now(), ttl, spare: false })
    }

    /// Keeps a sandbox for what is in it, where there is room.
    pub fn keep_spare(&self, sandbox: Arc<Sandbox>) -> Option<Lease> {
        let room = self.reserve(sandbox.caller()).ok()?;
        Some(self.add(sandbox, room, Usage { leases: 0, last: Instant::now(), ttl: SPARE_TTL, spare: true }))
    }

    /// A sandbox of this caller.
    ///
    /// # Errors
    /// When it is not there any more, or never was for this caller.
    pub fn find(&self, caller: &Caller, id: &SandboxId) -> Result<Lease, Refusal> {
        let kept = self.kept();
        let found = kept.get(id).filter(|one| one.sandbox.caller() == caller && !one.has_expired());
        let Some(found) = found else {
            let message = format!(
                "use the sandbox {id}: it was closed, or nobody used it for its time to live, or it ended"
            );
            return Err(Refusal::new(
                "sandbox_gone",
                message,
                "its variables and files are gone: call create_sandbox, use the id that it returns, and make again what is needed; \
                 or run code without `sandbox`",
            ));
        };
        Ok(Lease::of(found.clone()))
    }

    /// All sandboxes of this caller, in the order of their ids; looking at them does not keep them.
    pub fn of(&self, caller: &Caller) -> Vec<Lease> {
        let kept = self.kept();
        let own = kept.values().filter(|one| one.sandbox.caller() == caller && !one.has_expired());
        own.cloned().map(Lease::passing).collect()
    }

    /// Destroys a sandbox of this caller; what runs in it ends as `lost`.
    ///
    /// # Errors
    /// As for [`Registry::find`].
    pub async fn close(&self, caller: &Caller, id: &SandboxId) -> Result<(), Refusal> {
        let lease = self.find(caller, id)?;
        self.kept().remove(id);
        lease.sandbox().destroy().await;
        Ok(())
    }

    /// Destroys all of them, and returns when they are gone.
    pub async fn close_all(&self) {
        let all = std::mem::take(&mut *self.kept());
        let ends: Vec<_> =
            all.into_values().map(|one| tokio::spawn(async move { one.sandbox.destroy().await })).collect();
        for end in ends {
            let _ = end.await;
        }
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<SandboxId, Arc<Kept>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, sandbox: Arc<Sandbox>, room: OwnedSemaphorePermit, usage: Usage) -> Lease {
        let id = sandbox.id().clone();
        let kept = Arc::new(Kept { sandbox, contexts: Default::default(), usage: Mutex::new(usage), room });
        let lease = Lease::of(kept.clone());
        self.kept().insert(id, kept);
        lease
    }

    /// The room of the spare that was used longest ago, which is destroyed. `None` where there is no spare.
    fn take_spare(&self) -> Option<OwnedSemaphorePermit> {
        let mut kept = self.kept();
        let unused = kept.iter().filter_map(|(id, one)| {
            let usage = one.usage();
            (usage.spare && usage.leases == 0).then(|| (usage.last, id.clone()))
        });
        let (_, id) = unused.min()?;
        let spare = kept.remove(&id)?;
        drop(kept);
        end(spare.sandbox.clone());
        Arc::into_inner(spare).map(|spare| spare.room)
    }

    fn drop_expired(&self) {
        let mut kept = self.kept();
        let expired: Vec<SandboxId> =
            kept.iter().filter(|(_, one)| one.has_expired()).map(|(id, _)| id.clone()).collect();
        for id in expired {
            kept.remove(&id).into_iter().for_each(|one| end(one.sandbox.clone()));
        }
    }
}

/// Destroys it beside whoever noticed.
fn end(sandbox: Arc<Sandbox>) {
    tokio::spawn(async move { sandbox.destroy().await });
}

async fn sweep(registry: Weak<Registry>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let Some(registry) = registry.upgrade() else { return };
        registry.drop_expired();
    }
}
