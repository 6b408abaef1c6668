//! Keeping sandboxes of one kind warm, for as long as somebody wants them.

use super::demand::{Demand, Stock};
use super::figures::PoolState;
use super::shelf::Shelf;
use crate::{Error, Interpreter, SandboxRequest};
use std::sync::Arc;
use std::time::Instant;

/// Keeps sandboxes of one kind warm until it is dropped; those that nobody took are destroyed then.
pub struct Warm {
    shelf: Arc<Shelf>,
    interpreter: crate::interpreter::WeakInterpreter,
}

impl Interpreter {
    /// Keeps sandboxes for requests equal to this one ready, each with a Python context, as long as what it gives back
    /// lives: as many as were wanted lately, within `stock`, the memory of all and what the machine has left. They are made
    /// in the background, one at a time.
    ///
    /// # Errors
    /// A request that contradicts itself, or names a backend that does not exist.
    pub fn keep_warm(&self, request: SandboxRequest, stock: impl Into<Stock>) -> Result<Warm, Error> {
        let request = self.settled(request)?;
        let demand = Demand::new(stock.into(), self.pool_settings().half_life, Instant::now());
        let shelf = Arc::new(Shelf::new(request, demand, self.pool().changed.clone()));
        self.pool().add(shelf.clone(), self.downgrade());
        Ok(Warm { shelf, interpreter: self.downgrade() })
    }

    /// How the pool is, and what it did so far.
    pub fn pool_state(&self) -> PoolState {
        self.pool().look()
    }
}

impl Warm {
    /// Waits until as many are ready as there may be now.
    pub async fn ready(&self) {
        let _ = self.shelf.full.subscribe().wait_for(|full| *full).await;
    }

    /// How many are ready now.
    pub fn count(&self) -> usize {
        self.shelf.count()
    }

    /// Makes none any more, and ends those that nobody took.
    pub fn stop(&self) {
        let unused = self.shelf.close();
        if let Some(interpreter) = self.interpreter.upgrade() {
            interpreter.pool().counters.unused.add(unused as u64);
            interpreter.pool().changed.notify_one();
        }
    }

    /// Stops, and returns when nothing is left.
    pub async fn end(self) {
        self.stop();
        self.shelf.emptied().await;
    }
}

impl Drop for Warm {
    fn drop(&mut self) {
        self.stop();
    }
}

impl std::fmt::Debug for Warm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Warm").field("count", &self.count()).finish_non_exhaustive()
    }
}
