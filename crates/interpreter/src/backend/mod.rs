//! Ways of making sandboxes: each gives a byte stream to our guest program and a guard that destroys everything on drop.
//!
//! What a sandbox can do is the guest's; what it means is the rest of this crate's.

pub(crate) mod driver;
pub mod fake;
pub mod native;
pub mod oci;
pub(crate) mod owner;
mod zygote;

pub use crate::template::Template as TemplateRoot;
use crate::{Settings, template::Template};
use jail::cgroup::Group;
use protocol::{Isolation, Level, Limits, SandboxId, Wall};
use serde::Serialize;
use std::{collections::BTreeMap, future::Future, pin::Pin, sync::Arc};
use tokio::io::{AsyncRead, AsyncWrite};

/// A future in a box, as the backend trait returns it.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A way of making sandboxes.
pub trait Backend: Send + Sync {
    /// Its name, in lower case.
    fn name(&self) -> &'static str;

    /// Starts a sandbox: all walls up, the guest inside, its stream open. It does not wait for the guest to speak.
    ///
    /// # Errors
    /// With the reason, and the one thing that helps, when this host cannot.
    fn start(&self, request: StartRequest) -> Later<'_, Result<Started, StartError>>;

    /// Whether its sandboxes show a template; where they do not, none is built for them.
    fn uses_templates(&self) -> bool {
        true
    }

    /// Makes ready ahead of time what sandboxes with a template need beside it; `again` also where it is there already.
    /// Gives its name, where it has one.
    ///
    /// # Errors
    /// As with [`Backend::start`].
    fn prepare<'a>(
        &'a self,
        _template: &'a Template,
        _again: bool,
    ) -> Later<'a, Result<Option<String>, StartError>> {
        Box::pin(async { Ok(None) })
    }

    /// What this host gives to this backend.
    fn probe(&self) -> Probe;
}

/// Keeps a sandbox alive: dropping it destroys the sandbox with everything in it.
pub trait Guard: Send + Sync {
    /// What the sandbox has used until now. Cheap: it is asked up to twenty times a second.
    fn measure(&self) -> Measure;

    /// Somebody uses it from now on, who may have as much as all others.
    fn taken(&self) {}

    /// Memory that the sandbox has now, in bytes; what its processes share with others' counts in part. `None` where the
    /// backend cannot tell. Takes a millisecond or more.
    fn memory_bytes(&self) -> Option<u64> {
        None
    }

    /// Whether what the sandbox needs outside of itself for more contexts is still there.
    fn is_whole(&self) -> bool {
        true
    }

    /// Why the sandbox never came up or went away, where the backend knows.
    fn failure(&self) -> Option<String> {
        None
    }

    /// The control group that holds everything in it and nothing else, where this process made it.
    fn group(&self) -> Option<Arc<Group>> {
        None
    }

    /// Makes the tree of a branch at [`jail::branch_root`], with empty writable places, or says why not. `None` where
    /// contexts cannot be forked.
    fn branch(&self, _number: u32) -> Option<Later<'static, Result<(), String>>> {
        None
    }

    /// Removes the tree of a branch. Processes that still use it keep it until they end.
    fn unbranch(&self, _number: u32) {}
}

/// Both directions of a sandbox's byte stream.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// What a sandbox shall be made of.
#[derive(Debug, Clone)]
pub struct StartRequest {
    /// Its id.
    pub sandbox: SandboxId,
    /// What it may use.
    pub limits: Limits,
    /// The template that it shows as `/.belljar/template`.
    pub template: Option<Template>,
    /// Environment of everything in it.
    pub env: BTreeMap<String, String>,
    /// Where code keeps its files: `/workspace` or `/home/user`.
    pub workspace: &'static str,
    /// What a zygote of this template imports ahead of time.
    pub preload: Preload,
    /// Whether nobody waits for it: it gives way to other sandboxes until [`Guard::taken`], where the backend can do that.
    pub ahead: bool,
}

/// How much a zygote imports before it forks the first context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Preload {
    /// Only the interpreter: quick to start once.
    #[default]
    Lazy,
    /// What the template names as well: quick for everybody who comes later.
    Full,
}

/// A sandbox that runs.
pub struct Started {
    /// Bytes to and from the guest.
    pub stream: Box<dyn Stream>,
    /// Destroys the sandbox on drop.
    pub guard: Box<dyn Guard>,
    /// What the backend itself answers for: its name, its level, and of the walls only those that neither the
    /// guest nor a driver can see (`cgroup`, `own_uid`). Strength and missing walls are computed from all claims.
    pub isolation: Isolation,
    /// Whether the guest can fork Python contexts from a zygote.
    pub zygote: bool,
    /// Where Bash is in the sandbox.
    pub bash: String,
    /// Where Node.js is in the sandbox; a path without a file there makes a clear error.
    pub node: String,
}

/// What a sandbox used since it was started. `None` where the backend cannot tell.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Measure {
    /// CPU time in milliseconds.
    pub cpu_ms: Option<f64>,
    /// Highest memory use in bytes.
    pub memory_peak_bytes: Option<u64>,
    /// Processes that were killed because memory ran out.
    pub oom_kills: Option<u64>,
}

/// Why a backend could not start a sandbox.
#[derive(Debug, thiserror::Error)]
#[error("start a sandbox: {message}")]
pub struct StartError {
    /// A short stable name, for machines.
    pub code: &'static str,
    /// What failed.
    pub message: String,
    /// The one thing that helps.
    pub hint: Option<String>,
}

impl StartError {
    /// Without a hint.
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> StartError {
        StartError { code, message: message.into(), hint: None }
    }
}

/// What a host gives to a backend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Probe {
    /// The backend's name.
    pub backend: String,
    /// Whether it can run code here at all.
    pub usable: bool,
    /// What separates its sandboxes from the host.
    pub level: Level,
    /// Walls that it will be able to raise.
    pub walls: Vec<Wall>,
    /// One by one what was looked at.
    pub checks: Vec<Check>,
}

/// One thing that a probe looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at.
    pub name: String,
    /// Whether it is as it should be.
    pub holds: bool,
    /// Whether code can run without it.
    pub needed: bool,
    /// What was found.
    pub found: String,
    /// The exact command or setting that helps, where it does not hold.
    pub remedy: Option<String>,
}

/// The backends of this platform, the preferred first.
pub(crate) fn all(settings: &Settings) -> Vec<Arc<dyn Backend>> {
    vec![Arc::new(native::Native::new(settings.data_dir.clone())), Arc::new(oci::Oci::new(settings))]
}
