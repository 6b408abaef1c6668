//! A way back: states of a context, kept as forks that run nothing.

use crate::{Context, Error, ForkRequest};
use std::{collections::VecDeque, sync::Arc};

/// What is gone back to goes on as it would have.
const AS_IT_WAS: ForkRequest = ForkRequest { count: 1, same_random: true };

impl Context {
    /// A state to go back to: a fork that has the same random numbers before it.
    ///
    /// # Errors
    /// As for [`Context::fork`].
    pub async fn save(self: &Arc<Self>) -> Result<Arc<Context>, Error> {
        Ok(self.fork(AS_IT_WAS).await?.contexts.remove(0))
    }
}

/// The last states of one context, a bounded number: the oldest gives way.
#[derive(Debug)]
pub struct History {
    states: VecDeque<Arc<Context>>,
    most: usize,
}

impl History {
    /// One that keeps so many states at most.
    pub fn new(most: usize) -> History {
        History { states: VecDeque::new(), most }
    }

    /// Keeps the state that a context has now.
    ///
    /// # Errors
    /// As for [`Context::fork`]; nothing is kept then, and what was kept stays.
    pub async fn keep(&mut self, context: &Arc<Context>) -> Result<(), Error> {
        if self.most == 0 {
            return Ok(());
        }
        let state = context.save().await?;
        if self.states.len() >= self.most {
            self.states.pop_front();
        }
        self.states.push_back(state);
        Ok(())
    }

    /// The state that was kept last, to go on with, where there is one that lives.
    pub fn back(&mut self) -> Option<Arc<Context>> {
        std::iter::from_fn(|| self.states.pop_back()).find(|state| state.is_alive())
    }

    /// How many can be gone back to.
    pub fn len(&self) -> usize {
        self.states.iter().filter(|state| state.is_alive()).count()
    }

    /// Whether there is no way back.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets all of them.
    pub fn clear(&mut self) {
        self.states.clear();
    }
}
