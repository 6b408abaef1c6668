//! What outlives a request and a connection: the interpreter, the sandboxes that clients hold, and what clients are told.

use super::gate::Gate;
use super::refusal::Stop;
use super::registry::Registry;
use super::{tools, words};
use crate::cli::live::template_failure;
use agent::model::Model;
use interpreter::template::{Store, Template};
use interpreter::{Caller, Interpreter, Sandbox, SandboxRequest};
use journal::Journal;
use policy::Policy;
use rmcp::model::{Implementation, ServerCapabilities, ServerConfig, Tool};
use std::sync::Arc;
use tokio::sync::OnceCell;

/// Everything that is served.
pub struct Setup {
    /// Runs the code.
    pub interpreter: Interpreter,
    /// Has the template.
    pub store: Store,
    /// What a sandbox is; its template is named.
    pub room: SandboxRequest,
    /// What code may do.
    pub policy: Arc<Policy>,
    /// How much there may be.
    pub bounds: Bounds,
    /// What answers questions, where a model is configured.
    pub asks: Option<Asks>,
}

/// How much there may be at once.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Sandboxes that are kept for clients.
    pub sandboxes: usize,
    /// Calls that run something.
    pub running: usize,
}

/// What answers questions.
pub struct Asks {
    /// Writes the code.
    pub model: Arc<dyn Model>,
    /// Where questions are written down, if anywhere.
    pub journal: Option<Journal>,
}

/// The state behind all handlers.
pub struct Shared {
    /// Runs the code.
    pub interpreter: Interpreter,
    /// What a sandbox is.
    pub room: SandboxRequest,
    /// What code may do.
    pub policy: Arc<Policy>,
    /// What answers questions.
    pub asks: Option<Asks>,
    /// The sandboxes that clients hold.
    pub registry: Arc<Registry>,
    /// How much runs at once.
    pub gate: Gate,
    /// The tools, in the order in which they are listed.
    pub tools: Vec<Tool>,
    /// What a client is told at the beginning.
    pub greeting: ServerConfig,
    store: Store,
    named: Vec<(String, String)>,
    ready: OnceCell<Ready>,
}

/// A template that is built.
struct Ready {
    libraries: Vec<(String, String)>,
    /// Keeps it from being removed.
    _template: Template,
}

impl Shared {
    /// Begins to keep sandboxes; makes none yet.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn open(setup: Setup) -> Arc<Shared> {
        let Setup { interpreter, store, room, policy, bounds, asks } = setup;
        let libraries = words::libraries(&store, room.template.as_deref());
        let tools = tools::all(&room.limits, asks.as_ref());
        let capabilities = ServerCapabilities::builder().enable_tools().enable_resources().build();
        let name = Implementation::new("belljar", env!("CARGO_PKG_VERSION")).with_title("Belljar");
        let greeting = ServerConfig::new(capabilities)
            .with_server_info(name)
            .with_instructions(words::instructions(&room.limits, policy.name(), &libraries));
        Arc::new(Shared {
            interpreter,
            room,
            policy,
            asks,
            registry: Registry::open(bounds.sandboxes),
            gate: Gate::new(bounds.running),
            tools,
            greeting,
            store,
            named: libraries,
            ready: OnceCell::new(),
        })
    }

    /// Waits until the template is built; builds it where it is not.
    ///
    /// # Errors
    /// When it cannot be built.
    pub async fn prepare(&self) -> Result<(), Stop> {
        let Some(name) = self.room.template.clone() else { return Ok(()) };
        let build = async {
            let store = self.store.clone();
            let built = tokio::task::spawn_blocking(move || {
                let template = store.ensure(&name, &())?;
                Ok(Ready { libraries: words::libraries(&store, Some(&name)), _template: template })
            });
            built.await.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))
        };
        self.ready.get_or_try_init(|| build).await.map_err(template_failure)?;
        Ok(())
    }

    /// A new sandbox.
    ///
    /// # Errors
    /// When there can be none.
    pub async fn sandbox(&self, caller: &Caller) -> Result<Arc<Sandbox>, Stop> {
        self.prepare().await?;
        Ok(self.interpreter.create_sandbox(caller, self.room.clone()).await?)
    }

    /// What is installed, with versions where that is known yet.
    pub fn libraries(&self) -> &[(String, String)] {
        self.ready.get().map_or(&self.named, |ready| &ready.libraries)
    }
}
