//! Forks of a live context: new contexts with the same variables, each with its own copy of the files.

use crate::{Context, Error, context::came_up, routes::Life};
use protocol::{
    ForkReport, Language,
    guest::{Branch, Request},
};
use std::sync::Arc;

/// Forks that one request makes at most.
pub const FORKS_MAX: usize = 64;

/// What forks of a context shall be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForkRequest {
    /// How many: 1 to [`FORKS_MAX`].
    pub count: usize,
    /// Random generators go on as the parent's does; otherwise each fork's are seeded anew.
    pub same_random: bool,
}

impl Default for ForkRequest {
    /// One, with other random numbers.
    fn default() -> ForkRequest {
        ForkRequest { count: 1, same_random: false }
    }
}

/// Forks, and what they do not have.
#[derive(Debug)]
pub struct Forked {
    /// The new contexts.
    pub contexts: Vec<Arc<Context>>,
    /// What only the parent has.
    pub report: ForkReport,
}

impl Context {
    /// Makes contexts with the same variables as this one, which runs nothing meanwhile. Each has its own copies of the
    /// files in the workspace, the home and `/tmp`, and lives and ends by itself.
    ///
    /// # Errors
    /// When something runs in it, when it is not a Python context of a zygote, when what it holds does not survive a fork
    /// ([`Error::ForkRefused`] says what), or when it or its sandbox is gone.
    pub async fn fork(self: &Arc<Self>, request: ForkRequest) -> Result<Forked, Error> {
        if !(1..=FORKS_MAX).contains(&request.count) {
            let why = format!("it is 1 to {FORKS_MAX}");
            return Err(Error::Request { what: format!("count = {}", request.count), why });
        }
        self.check_forkable()?;
        let occupied = self.occupy()?;
        let sandbox = self.sandbox();
        let mut contexts = Vec::new();
        for _ in 0..request.count {
            contexts.push(Context::branch(sandbox, Some(Arc::new(sandbox.tree().await?))));
        }
        let report = self.become_these(&contexts, request.same_random).await?;
        drop(occupied);
        sandbox.make_spare_tree();
        Ok(Forked { contexts, report })
    }

    /// Goes on from this state in the place of another context of the sandbox, which ends: the new one has this one's variables,
    /// and the files at the other's paths are what they are here. Whoever else works there finds them so.
    ///
    /// # Errors
    /// As for [`Context::fork`]. The other one may have ended then.
    pub async fn replace(self: &Arc<Self>, other: &Arc<Context>) -> Result<Arc<Context>, Error> {
        self.check_forkable()?;
        let occupied = self.occupy()?;
        let sandbox = self.sandbox();
        if !Arc::ptr_eq(sandbox, other.sandbox()) || Arc::ptr_eq(self, other) {
            let what = format!("{} in the place of {}", self.id(), other.id());
            return Err(Error::Request { what, why: "they are two contexts of one sandbox".to_owned() });
        }
        other.end().await?;
        let heir = Context::branch(sandbox, other.tree());
        self.become_these(std::slice::from_ref(&heir), true).await?;
        drop(occupied);
        Ok(heir)
    }

    fn check_forkable(&self) -> Result<(), Error> {
        if self.language() == Language::Python && self.is_forked() {
            return Ok(());
        }
        let message = "only Python contexts of a template can be forked".to_owned();
        Err(Error::ForkRefused { reason: "language".to_owned(), message })
    }

    /// Forks into contexts that have their trees, and waits until all are up.
    async fn become_these(&self, contexts: &[Arc<Context>], same_random: bool) -> Result<ForkReport, Error> {
        let sandbox = self.sandbox();
        // One that is on its way is waited for.
        came_up(self.life(), sandbox).await?;
        let branches =
            contexts.iter().map(|fork| Branch { context: fork.id().clone(), root: fork.root().to_owned() });
        let (branches, id): (Vec<Branch>, _) = (branches.collect(), self.id().clone());
        let ask = |transfer, _| Request::ContextFork { transfer, context: id, branches, same_random };
        let mut report: ForkReport = sandbox.files().look("the context", ask).await.map_err(unfit)?;
        if let Some(refused) = report.refused.take() {
            return Err(Error::ForkRefused { reason: refused.reason, message: refused.message });
        }
        // The parent stands still until all have their copies.
        for context in contexts {
            if let Life::Ended(demise) = came_up(context.life(), sandbox).await? {
                let message = demise.failure.unwrap_or_else(|| "a fork ended before it was up".to_owned());
                return Err(Error::ForkRefused { reason: "ended".to_owned(), message });
            }
        }
        Ok(report)
    }
}

/// What the guest says where a context cannot be asked.
fn unfit(error: Error) -> Error {
    match error {
        Error::File(error) => Error::ForkRefused { reason: "ended".to_owned(), message: error.to_string() },
        other => other,
    }
}
