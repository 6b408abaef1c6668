//! What outlives a request and a connection: the desk with the sandboxes that clients hold, and what clients are told.

use super::refusal::{Refusal, Stop};
use super::{tools, words};
use crate::cli::live::template_failure;
use agent::model::Model;
use desk::{Desk, DeskError, Lease, Visitor};
use interpreter::SandboxRequest;
use interpreter::template::{Store, Template};
use protocol::SandboxId;
use rmcp::model::{Implementation, ServerCapabilities, ServerConfig, Tool};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// Sandboxes that are named to somebody who may have no more.
const OWN_TOLD: usize = 20;

/// Everything that is served.
pub struct Setup {
    /// Keeps the sandboxes, and runs the code.
    pub desk: Desk,
    /// Has the template.
    pub store: Store,
    /// What a sandbox is; its template is named.
    pub room: SandboxRequest,
    /// Who answers questions, where a model is configured.
    pub model: Option<Arc<dyn Model>>,
}

/// The state behind all handlers.
pub struct Shared {
    /// Keeps the sandboxes, and runs the code.
    pub desk: Desk,
    /// What a sandbox is.
    pub room: SandboxRequest,
    /// Who answers questions.
    pub model: Option<Arc<dyn Model>>,
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
    /// Puts together what clients are told.
    pub fn open(setup: Setup) -> Arc<Shared> {
        let Setup { desk, store, room, model } = setup;
        let libraries = words::libraries(&store, room.template.as_deref());
        let tools = tools::all(&room.limits, desk.settings().ttl.as_secs(), model.as_ref());
        let policy = desk.settings().policy.clone();
        let capabilities = ServerCapabilities::builder().enable_tools().enable_resources().build();
        let name = Implementation::new("belljar", env!("CARGO_PKG_VERSION")).with_title("Belljar");
        let greeting = ServerConfig::new(capabilities)
            .with_server_info(name)
            .with_instructions(words::instructions(&room.limits, policy.name(), &libraries));
        Arc::new(Shared {
            desk,
            room,
            model,
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

    /// A sandbox of this visitor.
    ///
    /// # Errors
    /// When it is not there any more, or never was for this visitor.
    pub async fn find(&self, visitor: &Visitor, id: &SandboxId) -> Result<Lease, Refusal> {
        self.desk.sandbox_awake(visitor, id).await.map_err(|_| Refusal::gone(id))
    }

    /// Destroys a sandbox of this visitor; what runs in it ends as `lost`.
    ///
    /// # Errors
    /// As for [`Shared::find`].
    pub async fn close(&self, visitor: &Visitor, id: &SandboxId) -> Result<(), Refusal> {
        self.desk.delete_sandbox(visitor, id).await.map_err(|_| Refusal::gone(id))
    }

    /// Why there can be no more sandboxes: the visitor is told its own, or what else is in the way.
    pub fn no_room(&self, visitor: &Visitor, error: DeskError) -> Stop {
        if !matches!(error, DeskError::SandboxesFull { .. }) {
            return error.into();
        }
        let own = self.desk.list_sandboxes(visitor, &BTreeMap::new(), None, OWN_TOLD).items;
        let own: Vec<String> = own.iter().map(|kept| kept.id().to_string()).collect();
        let hint = match own.as_slice() {
            [] => "try again later, or run code without `sandbox`".to_owned(),
            own => format!("go on in one of yours, or close one with close_sandbox: {}", own.join(", ")),
        };
        Refusal::new(error.code(), error.to_string(), hint).into()
    }

    /// What is installed, with versions where that is known yet.
    pub fn libraries(&self) -> &[(String, String)] {
        self.ready.get().map_or(&self.named, |ready| &ready.libraries)
    }
}
