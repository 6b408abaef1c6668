//! A desk with fake sandboxes, and short ways to use it.

use desk::{Alone, Begin, Ceiling, Desk, Machine, NewSandbox, Run, Settings, Visitor, Work};
use interpreter::{ContextRequest, ExecuteRequest, Interpreter, Place, SandboxRequest, backend::fake::Fake};
use journal::Journal;
use policy::Policy;
use protocol::{ContextId, Language, SandboxId};
use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

/// A desk and the backend behind it.
pub async fn open(journal: Option<Journal>, locks: &Path) -> (Desk, Fake) {
    with(Fake::honest(), journal, locks).await
}

/// The same in front of this backend.
pub async fn with(fake: Fake, journal: Option<Journal>, locks: &Path) -> (Desk, Fake) {
    let interpreter = interpreter::Settings::new("/nonexistent");
    let interpreter = Interpreter::with_backends(interpreter, vec![Arc::new(fake.clone())]).unwrap();
    let desk = Desk::open(interpreter, settings(journal, locks)).await;
    (desk, fake)
}

/// A desk's settings, without warm sandboxes.
pub fn settings(journal: Option<Journal>, locks: &Path) -> Settings {
    Settings {
        machine: Machine { cpu_millis: 1000, memory_bytes: 64 << 30 },
        waiting_max: 4,
        wait_max: Duration::from_secs(2),
        sandboxes_max: 8,
        ttl: Duration::from_secs(60),
        policy: Arc::new(Policy::default()),
        journal,
        ceiling: Ceiling::of(64 << 30),
        locks: locks.to_owned(),
        warm: Vec::new(),
    }
}

/// The same without a journal.
pub async fn simple() -> (Desk, Fake) {
    open(None, Path::new("/nonexistent")).await
}

/// A sandbox with this time to live, and a context in it.
pub async fn sandbox(desk: &Desk, visitor: &Visitor, ttl: Duration) -> (SandboxId, ContextId) {
    let new = NewSandbox { sandbox: SandboxRequest::default(), ttl: Some(ttl), metadata: BTreeMap::new() };
    let lease = desk.create_sandbox(visitor, new).await.unwrap();
    let context = lease.create_context(ContextRequest::default()).await.unwrap();
    (lease.id().clone(), context.id().clone())
}

/// A request for code of the fake language.
pub fn begin(code: &str, work: Work) -> Begin {
    let place = Place::Fresh(SandboxRequest::default());
    Begin { work, request: ExecuteRequest::new(code, Language::Python, place) }
}

/// Code in a sandbox of its own.
pub async fn fresh(desk: &Desk, visitor: &Visitor, code: &str) -> Arc<Run> {
    let work = Work::Fresh(Alone { sandbox: SandboxRequest::default(), files: Vec::new(), keep: None });
    desk.execute(visitor, begin(code, work)).await.unwrap()
}
