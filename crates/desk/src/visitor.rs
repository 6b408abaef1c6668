//! Whoever sends a request, once it is known who that is.

use crate::{DeskError, KeyLimits, Scope, allowance::Allowance};
use interpreter::Caller;
use std::sync::Arc;

/// Who asks, and what that one may.
#[derive(Debug, Clone)]
pub struct Visitor {
    pub(crate) caller: Caller,
    pub(crate) scopes: Arc<[Scope]>,
    pub(crate) allowance: Arc<Allowance>,
}

impl Visitor {
    /// The person who owns this machine: may everything, as often as it can be done.
    pub fn local() -> Visitor {
        let (scopes, allowance) = (Arc::from(Scope::ALL), Arc::new(Allowance::unlimited()));
        Visitor { caller: Caller::local(), scopes, allowance }
    }

    /// The same who may do only so much.
    pub fn limited(limits: KeyLimits) -> Visitor {
        Visitor { allowance: Arc::new(Allowance::new(limits)), ..Visitor::local() }
    }

    /// Who it is.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Whether this is for the visitor.
    ///
    /// # Errors
    /// When it is not.
    pub fn check(&self, scope: Scope) -> Result<(), DeskError> {
        match self.scopes.contains(&scope) {
            true => Ok(()),
            false => Err(DeskError::Forbidden { scope }),
        }
    }

    /// Counts one request.
    ///
    /// # Errors
    /// When there were too many lately.
    pub fn count_request(&self) -> Result<(), DeskError> {
        self.allowance.take_request().map_err(|retry_after| DeskError::TooFast { retry_after })
    }
}
