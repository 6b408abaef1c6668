//! Failed Python code leaves nothing behind: the state before each code is kept while it runs, and gone back to when it fails.
//!
//! Nothing is undone where the state could not be kept whole (threads or child processes run, sockets or files are open, the
//! backend cannot fork), where the code was denied or cancelled, and where more than its own interpreter ended. Going
//! back waits for the next code, so that whoever listens can still fetch the files that the failed code made.

use super::{place::Place, words};
use interpreter::{Context, ContextRequest, Sandbox};
use protocol::{Language, Outcome, Status};
use std::sync::Arc;

/// States of the Python context.
#[derive(Default)]
pub(super) struct States {
    /// Before the code that runs.
    before: Option<Arc<Context>>,
    /// The one to go back to.
    back: Option<Arc<Context>>,
}

impl Place {
    /// Keeps the state before Python code, where it can be kept whole; makes the context where there is none.
    pub(super) async fn save(&mut self, sandbox: &Arc<Sandbox>) {
        self.states.before = None;
        let context = match self.contexts.get(&Language::Python) {
            Some(context) => context.clone(),
            None => match sandbox.create_context(ContextRequest::default()).await {
                Ok(context) => self.contexts.entry(Language::Python).insert_entry(context).get().clone(),
                // What is wrong with the sandbox the code finds as well.
                Err(_) => return,
            },
        };
        let saved = context.save_told().await.ok().filter(|saved| saved.report.is_whole());
        self.states.before = saved.map(|saved| saved.context);
    }

    /// Whether what code did will be undone before other code runs.
    pub(super) fn will_go_back(&mut self, outcome: &Outcome) -> bool {
        if outcome.language != Language::Python {
            return false;
        }
        let state = self.states.before.take().filter(|state| state.is_alive() && failed(outcome));
        self.states.back = state;
        self.states.back.is_some()
    }

    /// Goes back where that was decided; says what the model has to know where it cannot be.
    pub(super) async fn go_back(&mut self) -> Option<&'static str> {
        let state = self.states.back.take()?;
        let left = self.contexts.get(&Language::Python)?.clone();
        match state.replace(&left).await {
            Ok(heir) => {
                self.contexts.insert(Language::Python, heir);
                None
            }
            // Where it has ended, that is told of it.
            Err(_) => left.is_alive().then_some(words::NOT_UNDONE),
        }
    }
}

/// Whether code failed in a way that other code may cure, or that has cost it its interpreter.
fn failed(outcome: &Outcome) -> bool {
    let unrun = matches!(outcome.status, Status::Denied | Status::Cancelled | Status::Lost);
    let error = outcome.error.as_ref().filter(|_| !unrun);
    error.is_some_and(|error| error.retryable || !outcome.context_alive)
}
