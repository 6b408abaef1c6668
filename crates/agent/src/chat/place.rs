//! Where the code of a chat runs: one sandbox, made when the first code may run, and one context for each language in it.

use super::{NoSandbox, Setup, undo::States, words};
use interpreter::{Context, ContextRequest, Error, ExecuteRequest, Execution, Sandbox};
use protocol::{Language, Outcome};
use std::{collections::HashMap, sync::Arc};

/// A sandbox with its contexts, as far as they are there.
#[derive(Default)]
pub(super) struct Place {
    sandbox: Option<Arc<Sandbox>>,
    pub(super) contexts: HashMap<Language, Arc<Context>>,
    /// The state before the Python code that runs, and the one to go back to before anything else runs.
    pub(super) states: States,
}

/// Code that runs, and what the model has to know about where.
pub(super) struct Begun {
    pub execution: Execution,
    pub note: Option<&'static str>,
}

impl Place {
    /// The sandbox, if there is one that lives.
    pub fn sandbox(&self) -> Option<Arc<Sandbox>> {
        self.sandbox.clone().filter(|sandbox| sandbox.is_alive())
    }

    /// Where code would run that the policy denies: nothing is made for it.
    pub fn denied(&self, setup: &Setup, language: Language) -> interpreter::Place {
        match self.contexts.get(&language) {
            Some(context) => interpreter::Place::Context(context.clone()),
            None => interpreter::Place::Fresh(setup.room.clone()),
        }
    }

    /// Runs code where code of its language ran before; makes what is not there.
    ///
    /// # Errors
    /// When there is nothing to run it in.
    pub async fn begin(&mut self, setup: &Setup, mut request: Wish<'_>) -> Result<Begun, NoSandbox> {
        let not_undone = self.go_back().await;
        let mut note = self.forget_dead(request.language).or(not_undone);
        loop {
            let sandbox = match &self.sandbox {
                Some(sandbox) => sandbox.clone(),
                None => self.sandbox.insert((setup.sandbox)().await?).clone(),
            };
            if setup.undo_failed && request.language == Language::Python {
                self.save(&sandbox).await;
            }
            let place = match self.contexts.get(&request.language) {
                Some(context) => interpreter::Place::Context(context.clone()),
                None => interpreter::Place::Sandbox(sandbox),
            };
            match setup.interpreter.execute(&setup.caller, request.at(place, setup)).await {
                Ok(execution) => {
                    if let Some(context) = execution.context() {
                        self.contexts.insert(request.language, context);
                    }
                    return Ok(Begun { execution, note });
                }
                // It died since somebody looked; a new one is made once.
                Err(Error::ContextLost { .. } | Error::SandboxLost { .. }) if !request.again => {
                    request.again = true;
                    self.contexts.remove(&request.language);
                    note = self.forget_dead(request.language).or(note).or(Some(words::CONTEXT_LOST));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The Python context, which is made where there is none, and what the model has to know about it.
    ///
    /// # Errors
    /// When there is nothing to make it in.
    pub async fn python(&mut self, setup: &Setup) -> Result<(Arc<Context>, Option<&'static str>), NoSandbox> {
        let not_undone = self.go_back().await;
        let note = self.forget_dead(Language::Python).or(not_undone);
        let sandbox = match &self.sandbox {
            Some(sandbox) => sandbox.clone(),
            None => self.sandbox.insert((setup.sandbox)().await?).clone(),
        };
        let context = match self.contexts.get(&Language::Python) {
            Some(context) => context.clone(),
            None => sandbox.create_context(ContextRequest::default()).await?,
        };
        self.contexts.insert(Language::Python, context.clone());
        Ok((context, note))
    }

    /// Goes on in a fork of the Python context, with its files where those of the context were.
    pub async fn adopt(&mut self, context: &Arc<Context>, fork: Arc<Context>) {
        // Where there is no room for one more, the fork itself is gone on with.
        let heir = fork.replace(context).await.unwrap_or(fork);
        self.contexts.insert(Language::Python, heir);
    }

    /// What the model has to know about the place after an execution.
    pub fn after(&mut self, outcome: &Outcome) -> Option<&'static str> {
        outcome.sandbox.as_ref()?;
        if self.will_go_back(outcome) {
            return Some(words::UNDONE);
        }
        let lost = self.forget_dead(outcome.language);
        if lost.is_none() && !outcome.context_alive {
            self.contexts.remove(&outcome.language);
            return Some(words::CONTEXT_LOST);
        }
        lost
    }

    /// Lets go of what has died; says what the model loses with it.
    fn forget_dead(&mut self, language: Language) -> Option<&'static str> {
        if self.sandbox.as_ref().is_some_and(|sandbox| !sandbox.is_alive()) {
            self.sandbox = None;
            self.contexts.clear();
            self.states = States::default();
            return Some(words::SANDBOX_LOST);
        }
        let dead = self.contexts.get(&language).is_some_and(|context| !context.is_alive());
        if dead {
            self.contexts.remove(&language);
        }
        dead.then_some(words::CONTEXT_LOST)
    }
}

/// Code that shall run.
pub(super) struct Wish<'a> {
    pub code: &'a str,
    pub language: Language,
    pub timeout_ms: u64,
    /// It was tried already where a context or sandbox had died.
    pub again: bool,
}

impl Wish<'_> {
    fn at(&self, place: interpreter::Place, setup: &Setup) -> ExecuteRequest {
        let (timeout_ms, policy) = (Some(self.timeout_ms), Some(setup.policy.clone()));
        ExecuteRequest { timeout_ms, policy, ..ExecuteRequest::new(self.code, self.language, place) }
    }
}
