//! How much may run at once: what is beyond waits, and what is beyond that is turned away.

use super::refusal::{Refusal, Stop};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Calls that may wait.
const WAITING_MAX: usize = 64;

/// Lets a bounded number of calls through.
#[derive(Debug)]
pub struct Gate {
    running: Arc<Semaphore>,
    waiting: Semaphore,
}

impl Gate {
    /// For so many at once.
    pub fn new(running: usize) -> Gate {
        Gate { running: Arc::new(Semaphore::new(running)), waiting: Semaphore::new(WAITING_MAX) }
    }

    /// Waits for a turn, which lasts until the permit is dropped.
    ///
    /// # Errors
    /// When too many wait already.
    pub async fn enter(&self) -> Result<OwnedSemaphorePermit, Stop> {
        let busy = || {
            let message = format!("run more at once: {WAITING_MAX} calls wait already");
            Refusal::new("busy", message, "call again when earlier calls have ended")
        };
        let _waiting = self.waiting.try_acquire().map_err(|_| busy())?;
        Ok(self.running.clone().acquire_owned().await.map_err(|_| busy())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{future::Future, pin::pin, task::Context, task::Poll, task::Waker};

    #[test]
    fn what_is_too_much_is_turned_away() {
        let gate = Gate::new(1);
        let mut context = Context::from_waker(Waker::noop());
        let Poll::Ready(Ok(first)) = pin!(gate.enter()).poll(&mut context) else { panic!("no turn") };
        let mut waiting: Vec<_> = (0..WAITING_MAX).map(|_| Box::pin(gate.enter())).collect();
        assert!(waiting.iter_mut().all(|one| one.as_mut().poll(&mut context).is_pending()));
        let Poll::Ready(Err(Stop::Refused(refusal))) = pin!(gate.enter()).poll(&mut context) else {
            panic!("not turned away")
        };
        assert_eq!(refusal.code, "busy");
        drop(first);
        assert!(waiting[0].as_mut().poll(&mut context).is_ready());
    }
}
