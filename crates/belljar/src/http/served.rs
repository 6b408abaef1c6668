//! What all endpoints share.

use super::{gate::Gate, mcp::Mcp, problem::Problem};
use desk::{Desk, Keys};
use policy::Policy;
use protocol::{IdError, Require};
use std::sync::Arc;

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
    /// The template of requests that name none.
    pub template: String,
}

impl Served {
    /// Shares these.
    pub fn new(shared: Shared) -> Served {
        Served { shared: Arc::new(shared) }
    }
}

impl std::ops::Deref for Served {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.shared
    }
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
pub fn require(name: Option<&str>) -> Result<Option<Require>, Problem> {
    name.map(|name| {
        name.parse().map_err(|error: protocol::UnknownRequire| Problem::request(error.to_string()))
    })
    .transpose()
}

/// An id in a path. One that cannot be an id names nothing.
pub fn id<T: TryFrom<String, Error = IdError>>(text: &str) -> Result<T, Problem> {
    T::try_from(text.to_owned()).map_err(|error| Problem::not_found(error.to_string()))
}
