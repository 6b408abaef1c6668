//! What all endpoints share.

use super::{gate::Gate, mcp::Mcp, models::Models, problem::Problem};
use desk::{Desk, Keys};
use interpreter::SandboxRequest;
use policy::Policy;
use protocol::{IdError, Limits, Require};
use std::{collections::BTreeMap, sync::Arc};

/// Everything that is served. Clones share it.
#[derive(Clone)]
pub struct Served {
    shared: Arc<Shared>,
}

/// The parts.
pub struct Shared {
    /// In front of the interpreter.
    pub desk: Desk,
    /// The same for clients of the Model Context Protocol.
    pub mcp: Mcp,
    /// Who may come in.
    pub keys: Keys,
    /// From where.
    pub gate: Gate,
    /// Whether a request without a key is taken.
    pub open: bool,
    /// Who answers questions.
    pub models: Models,
    /// What a sandbox is where a request does not say.
    pub room: SandboxRequest,
    /// The same for clients of E2B.
    pub e2b_room: SandboxRequest,
    /// The domain below which clients of E2B look for ports of sandboxes, with a port of its own where it has one.
    pub e2b_domain: String,
}

impl Served {
    /// Shares these.
    pub fn new(shared: Shared) -> Served {
        Served { shared: Arc::new(shared) }
    }

    /// The sandbox that a request wants, with the server's own values where it says nothing.
    pub fn room(&self, wanted: Wanted) -> Result<SandboxRequest, Problem> {
        let room = &self.room;
        let mut env = room.env.clone();
        env.extend(wanted.env);
        Ok(SandboxRequest {
            template: wanted.template.or_else(|| room.template.clone()),
            limits: wanted.limits.unwrap_or_else(|| room.limits.clone()),
            env,
            require: require(wanted.require.as_deref())?.or(room.require),
            backend: wanted.backend.or_else(|| room.backend.clone()),
            home_is_workspace: room.home_is_workspace,
        })
    }
}

impl std::ops::Deref for Served {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.shared
    }
}

/// What a request says about its sandbox.
pub struct Wanted {
    /// What is installed.
    pub template: Option<String>,
    /// How it is made.
    pub backend: Option<String>,
    /// A level or a strength by its name.
    pub require: Option<String>,
    /// What it may use.
    pub limits: Option<Limits>,
    /// Its environment.
    pub env: BTreeMap<String, String>,
}

/// A policy by its name.
pub fn policy(name: Option<&str>) -> Result<Option<Arc<Policy>>, Problem> {
    let Some(name) = name else { return Ok(None) };
    let found = Policy::preset(name).map(|policy| Some(Arc::new(policy)));
    found.ok_or_else(|| {
        let expected = policy::PRESETS.join(", ");
        Problem::request(format!("find a policy named {name:?}")).hint(format!("there are {expected}"))
    })
}

/// A level or a strength by its name.
fn require(name: Option<&str>) -> Result<Option<Require>, Problem> {
    name.map(|name| {
        name.parse().map_err(|error: protocol::UnknownRequire| Problem::request(error.to_string()))
    })
    .transpose()
}

/// An id in a path. One that cannot be an id names nothing.
pub fn id<T: TryFrom<String, Error = IdError>>(text: &str) -> Result<T, Problem> {
    T::try_from(text.to_owned()).map_err(|error| Problem::not_found(error.to_string()))
}
