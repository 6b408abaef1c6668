//! A way back: states of a context, kept as forks that run nothing.

use crate::{Context, Error, ForkRequest};
use protocol::ForkReport;
use std::{collections::VecDeque, sync::Arc};

/// What is gone back to goes on as it would have.
const AS_IT_WAS: ForkRequest = ForkRequest { count: 1, same_random: true };

/// A state to go back to.
#[derive(Debug)]
pub struct Saved {
    /// It runs nothing until it is gone back to. Where memory runs out, states that ran nothing yet end first.
    pub context: Arc<Context>,
    /// What it does not have.
    pub report: ForkReport,
}

impl Context {
    /// A state to go back to: a fork that has the same random numbers before it.
    ///
    /// # Errors
    /// As for [`Context::fork`].
    pub async fn save(self: &Arc<Self>) -> Result<Arc<Context>, Error> {
        Ok(self.save_told().await?.context)
    }

    /// The same, with what the state does not have.
    ///
    /// # Errors
    /// As for [`Context::fork`].
    pub async fn save_told(self: &Arc<Self>) -> Result<Saved, Error> {
        let mut forked = self.fork(AS_IT_WAS).await?;
        Ok(Saved { context: forked.contexts.remove(0), report: forked.report })
    }
}

/// The states before the last steps of one context, a bounded number: the oldest gives way.
#[derive(Debug)]
pub struct History {
    /// What was before each step, the last one at the end; `None` where it could not be kept.
    states: VecDeque<Option<Arc<Context>>>,
    most: usize,
}

impl History {
    /// One that keeps so many states at most.
    pub fn new(most: usize) -> History {
        History { states: VecDeque::new(), most }
    }

    /// Keeps the state that a context has now, before its next step.
    ///
    /// # Errors
    /// As for [`Context::fork`]; the step has no state before it then, and what was kept stays.
    pub async fn keep(&mut self, context: &Arc<Context>) -> Result<(), Error> {
        if self.most == 0 {
            return Ok(());
        }
        let (state, kept) = match context.save().await {
            Ok(state) => (Some(state), Ok(())),
            Err(error) => (None, Err(error)),
        };
        if self.states.len() >= self.most {
            self.states.pop_front();
        }
        self.states.push_back(state);
        kept
    }

    /// The state before the last so many steps, to go on with; these are forgotten. `None`, and nothing is forgotten, where
    /// there is none that lives.
    pub fn back(&mut self, steps: usize) -> Option<Arc<Context>> {
        let at = self.states.len().checked_sub(steps.max(1))?;
        let state = self.states[at].clone().filter(|state| state.is_alive())?;
        self.states.truncate(at);
        Some(state)
    }

    /// How many steps at least, from so many on, [`History::back`] can go.
    pub fn nearest(&self, steps: usize) -> Option<usize> {
        (steps.max(1)..=self.states.len()).find(|steps| lives(&self.states[self.states.len() - steps]))
    }

    /// How many states can be gone back to.
    pub fn len(&self) -> usize {
        self.states.iter().filter(|state| lives(state)).count()
    }

    /// Whether there is no way back.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn lives(state: &Option<Arc<Context>>) -> bool {
    state.as_ref().is_some_and(|state| state.is_alive())
}
