//! A walled computer and its one stream. Dropping the last handle destroys it, with everything in it.

use crate::{
    Caller, Context, ContextRequest, Error, Files,
    backend::{Guard, Measure, Started},
    context::{Programs, Reserved},
    isolation::{self, Inside},
    routes::Life,
    standstill::Standstill,
    template::Template,
    wire::{Gone, Wire},
};
use jail::{branch_root, cgroup::Group, plan::inside::BRANCHES_MAX};
use protocol::{ContextId, Isolation, Limits, Require, SandboxId, guest::VERSION};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, OnceLock, Weak},
    time::Duration,
};
use tokio::sync::{oneshot, watch};

/// How long a guest may take to say its first words, and a context to come up.
pub(crate) const START_MS: u64 = 30_000;

/// A walled computer with files, processes and limits; belongs to one caller.
pub struct Sandbox {
    id: SandboxId,
    wire: Wire,
    kept: Arc<Kept>,
    greeting: Mutex<Option<oneshot::Receiver<()>>>,
    claim: Isolation,
    programs: Programs,
    contexts: Mutex<HashMap<ContextId, Weak<Context>>>,
    caller: OnceLock<Caller>,
    /// A Python context that was made ahead of time, for the first who asks.
    spare: Mutex<Option<Reserved>>,
    /// Numbers of the trees of branches that are there.
    trees: Arc<Mutex<BTreeSet<u32>>>,
    /// A tree for the next branch.
    spare_tree: Mutex<Option<Tree>>,
    standstill: Standstill,
    origin: Origin,
}

/// For whom and from what a sandbox was made.
pub(crate) struct Origin {
    /// Nobody's yet, where there is none.
    pub caller: Option<Caller>,
    pub limits: Limits,
    pub env: BTreeMap<String, String>,
    pub require: Option<Require>,
    pub workspace: &'static str,
    /// Keeps the template on the disk while the sandbox shows it.
    pub template: Option<Template>,
}

/// The guard, and what it measured last once it is gone.
struct Kept {
    guard: Mutex<Option<Box<dyn Guard>>>,
    last: Mutex<(Measure, Option<String>)>,
    gone: watch::Sender<bool>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Kept {
    fn measure(&self) -> Measure {
        match &*lock(&self.guard) {
            Some(guard) => guard.measure(),
            None => lock(&self.last).0,
        }
    }

    fn failure(&self) -> Option<String> {
        match &*lock(&self.guard) {
            Some(guard) => guard.failure(),
            None => lock(&self.last).1.clone(),
        }
    }

    fn take(&self) -> Option<Box<dyn Guard>> {
        let mut guard = lock(&self.guard);
        if let Some(guard) = &*guard {
            *lock(&self.last) = (guard.measure(), guard.failure());
        }
        guard.take()
    }

    /// Destroys on a thread where waiting hurts nobody.
    fn destroy(self: &Arc<Self>) {
        let Some(guard) = self.take() else {
            return;
        };
        let kept = self.clone();
        tokio::task::spawn_blocking(move || {
            drop(guard);
            kept.gone.send_replace(true);
        });
    }
}

/// The tree of a branch. Dropping it removes it.
pub(crate) struct Tree {
    kept: Arc<Kept>,
    taken: Arc<Mutex<BTreeSet<u32>>>,
    number: u32,
    root: String,
}

impl Tree {
    /// Where it is in the sandbox.
    pub fn root(&self) -> &str {
        &self.root
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        if let Some(guard) = &*lock(&self.kept.guard) {
            guard.unbranch(self.number);
        }
        lock(&self.taken).remove(&self.number);
    }
}

impl Sandbox {
    /// Begins to talk to a sandbox that a backend started; [`Sandbox::greet`] must follow.
    pub(crate) fn open(id: SandboxId, started: Started, mut origin: Origin) -> Arc<Sandbox> {
        let caller = origin.caller.take().map_or_else(OnceLock::new, OnceLock::from);
        let programs = Programs::of(&started);
        let Started { stream, guard, isolation, .. } = started;
        let kept = Arc::new(Kept {
            guard: Mutex::new(Some(guard)),
            last: Mutex::default(),
            gone: watch::Sender::new(false),
        });
        let keeper = kept.clone();
        let (wire, greeting) = Wire::open(stream, move || keeper.destroy());
        Arc::new(Sandbox {
            id,
            wire,
            kept,
            greeting: Mutex::new(Some(greeting)),
            claim: isolation,
            programs,
            contexts: Mutex::default(),
            caller,
            spare: Mutex::default(),
            trees: Arc::default(),
            spare_tree: Mutex::default(),
            standstill: Standstill::default(),
            origin,
        })
    }

    /// Waits for the guest's first words and checks them.
    pub(crate) async fn greet(&self) -> Result<(), Error> {
        let Some(greeting) = lock(&self.greeting).take() else {
            return Ok(());
        };
        let checked = match tokio::time::timeout(Duration::from_millis(START_MS), greeting).await {
            Err(_) => Err(self.silent(format!("the guest did not speak within {} s", START_MS / 1000))),
            Ok(Err(_)) => Err(self.silent(self.wire.gone().0)),
            Ok(Ok(())) => match self.wire.routes.greeting().map(|greeting| greeting.version) {
                Some(VERSION) => isolation::check(&self.isolation(), self.origin.require),
                version => {
                    let version = version.unwrap_or_default();
                    Err(Error::Guest { why: format!("the guest speaks version {version}, not {VERSION}") })
                }
            },
        };
        if checked.is_err() {
            self.destroy().await;
        }
        checked
    }

    fn silent(&self, why: String) -> Error {
        Error::Guest { why: self.kept.failure().unwrap_or(why) }
    }

    /// Its id.
    pub fn id(&self) -> &SandboxId {
        &self.id
    }

    /// Whose it is; a nameless caller's while it waits for its first.
    pub fn caller(&self) -> &Caller {
        static NOBODY: Caller = Caller(String::new());
        self.caller.get().unwrap_or(&NOBODY)
    }

    /// Makes it this caller's; false when it is somebody's already.
    pub(crate) fn give_to(&self, caller: &Caller) -> bool {
        let is_given = self.caller.set(caller.clone()).is_ok();
        if let (true, Some(guard)) = (is_given, &*lock(&self.kept.guard)) {
            guard.taken();
        }
        is_given
    }

    /// Makes a Python context ahead of time and waits until it is up.
    pub(crate) async fn make_spare(&self) -> Result<(), Error> {
        let reserved = Context::reserve(self, &ContextRequest::default(), true).await?;
        reserved.came_up(self).await?;
        *lock(&self.spare) = Some(reserved);
        Ok(())
    }

    /// Whether it can be given to somebody who has waited for nothing: it is there, its spare context is up, and what is
    /// installed in it is what would be installed in a new one.
    pub(crate) fn is_fit(&self) -> bool {
        self.is_alive()
            && lock(&self.spare).as_ref().is_some_and(Reserved::is_up)
            && self.origin.template.as_ref().is_none_or(Template::is_current)
    }

    /// Waits until it or its spare context has ended, without holding it.
    pub(crate) fn ended(&self) -> impl Future<Output = ()> + Send + use<> {
        let life = lock(&self.spare).as_ref().map(Reserved::life);
        async move {
            if let Some(mut life) = life {
                // An error: the sandbox is gone.
                let _ = life.wait_for(|life| !matches!(life, Life::Up { .. })).await;
            }
        }
    }

    /// Whether what it needs outside of itself for more contexts is still there.
    pub(crate) fn is_whole(&self) -> bool {
        lock(&self.kept.guard).as_ref().is_some_and(|guard| guard.is_whole())
    }

    /// Memory that it has now, in bytes, as far as its backend or its guest can tell. Takes a millisecond or more.
    pub(crate) fn memory_bytes(&self) -> Option<u64> {
        let measured = lock(&self.kept.guard).as_ref().and_then(|guard| guard.memory_bytes());
        measured.or_else(|| self.wire.routes.memory_peak_bytes())
    }

    /// The context that was made ahead of time, when it is what is asked for.
    pub(crate) fn take_spare(&self, request: &ContextRequest) -> Option<Reserved> {
        let wanted = *request == ContextRequest::default();
        lock(&self.spare).take_if(|spare| wanted && spare.is_up())
    }

    /// What it may use.
    pub fn limits(&self) -> &Limits {
        &self.origin.limits
    }

    /// Where code, commands and relative paths begin.
    pub fn workspace(&self) -> &str {
        self.origin.workspace
    }

    /// The walls that are up around it, as far as the guest has told yet.
    pub fn isolation(&self) -> Isolation {
        self.isolation_of(None)
    }

    pub(crate) fn isolation_of(&self, inside: Option<Inside<'_>>) -> Isolation {
        let greeting = self.wire.routes.greeting();
        let walls = greeting.map(|greeting| greeting.walls.as_slice()).unwrap_or_default();
        isolation::combine(&self.claim, walls, inside)
    }

    /// What it has used since it was started.
    pub fn measure(&self) -> Measure {
        self.kept.measure()
    }

    /// What the backend knows about why it or its helpers failed.
    pub(crate) fn failure(&self) -> Option<String> {
        self.kept.failure()
    }

    /// Whether it is still there, as far as is known.
    pub fn is_alive(&self) -> bool {
        !self.wire.is_closed()
    }

    /// Frames of the guest that nobody waited for: late ones, and forged ones.
    pub fn stray_frames(&self) -> u64 {
        self.wire.routes.strays()
    }

    /// Its files.
    pub fn files(&self) -> Files<'_> {
        Files::of(self, "")
    }

    /// Makes a context without waiting until it is up: code that is sent to it waits there.
    ///
    /// # Errors
    /// When the request contradicts itself or the sandbox is gone.
    pub async fn create_context(self: &Arc<Self>, request: ContextRequest) -> Result<Arc<Context>, Error> {
        Context::create(self.clone(), request).await
    }

    /// A tree for a branch, with empty writable places: the one that is ready, or a new one.
    pub(crate) async fn tree(&self) -> Result<Tree, Error> {
        let spare = lock(&self.spare_tree).take();
        match spare {
            Some(tree) => Ok(tree),
            None => self.make_tree().await,
        }
    }

    /// Makes a tree ready for the next branch, in the background: whoever forks once does so again.
    pub(crate) fn make_spare_tree(self: &Arc<Self>) {
        let sandbox = Arc::downgrade(self);
        tokio::spawn(async move {
            let Some(sandbox) = sandbox.upgrade() else { return };
            if lock(&sandbox.spare_tree).is_none()
                && let Ok(tree) = sandbox.make_tree().await
            {
                lock(&sandbox.spare_tree).replace(tree);
            }
        });
    }

    async fn make_tree(&self) -> Result<Tree, Error> {
        let number = {
            let mut taken = lock(&self.trees);
            let free = (0..BRANCHES_MAX).find(|number| !taken.contains(number));
            let free = free.ok_or_else(|| Error::ForkRefused {
                reason: "too_many".to_owned(),
                message: format!("a sandbox has {BRANCHES_MAX} branches at most"),
            })?;
            taken.insert(free);
            free
        };
        let tree =
            Tree { kept: self.kept.clone(), taken: self.trees.clone(), number, root: branch_root(number) };
        let making = lock(&self.kept.guard).as_ref().map(|guard| guard.branch(number));
        match making {
            None => Err(self.lost(self.wire.gone())),
            Some(None) => Err(Error::ForkUnsupported { backend: self.claim.backend.clone() }),
            Some(Some(making)) => {
                making.await.map_err(|why| Error::ForkRefused { reason: "tree".to_owned(), message: why })?;
                Ok(tree)
            }
        }
    }

    /// A context of this sandbox that somebody still holds.
    ///
    /// # Errors
    /// When there is none of that id.
    pub fn context(&self, id: &ContextId) -> Result<Arc<Context>, Error> {
        let found = lock(&self.contexts).get(id).and_then(Weak::upgrade);
        found.ok_or_else(|| Error::NotFound { what: format!("the context {id}") })
    }

    /// Destroys it with everything in it, and returns when that is done. What waits for it ends as `lost`.
    pub async fn destroy(&self) {
        self.destroy_soon();
        let _ = self.kept.gone.subscribe().wait_for(|gone| *gone).await;
    }

    pub(crate) fn destroy_soon(&self) {
        self.wire.close("it was destroyed");
        self.kept.destroy();
    }

    pub(crate) fn wire(&self) -> &Wire {
        &self.wire
    }

    /// Whether everything in it stands still.
    pub(crate) fn standstill(&self) -> &Standstill {
        &self.standstill
    }

    /// The control group that holds everything in it and nothing else, where there is one.
    pub(crate) fn group(&self) -> Option<Arc<Group>> {
        lock(&self.kept.guard).as_ref()?.group()
    }

    pub(crate) fn programs(&self) -> &Programs {
        &self.programs
    }

    pub(crate) fn env(&self) -> &BTreeMap<String, String> {
        &self.origin.env
    }

    pub(crate) fn require(&self) -> Option<Require> {
        self.origin.require
    }

    pub(crate) fn lost(&self, gone: Gone) -> Error {
        Error::SandboxLost { sandbox: self.id.clone(), why: self.failure().unwrap_or(gone.0) }
    }

    pub(crate) fn remember(&self, context: &Arc<Context>) {
        lock(&self.contexts).insert(context.id().clone(), Arc::downgrade(context));
    }

    pub(crate) fn forget(&self, id: &ContextId) {
        lock(&self.contexts).remove(id);
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.wire.close("it was destroyed");
        drop(self.kept.take());
    }
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").field("id", &self.id).finish_non_exhaustive()
    }
}
