//! One call while it is carried out: whose it is, whether it is still wanted, and how an execution is followed for it.

use super::progress::Progress;
use super::refusal::Stop;
use desk::{DeskError, Run, Visitor};
use protocol::{ContextId, EventKind, Outcome};
use rmcp::RoleServer;
use rmcp::service::RequestContext;
use std::sync::Arc;
use tokio::sync::{OwnedMutexGuard, oneshot, watch};

/// What is locked while code runs in the context of its language.
pub type Hold = Option<OwnedMutexGuard<Option<ContextId>>>;

/// A run that somebody waits for. Dropped before it has ended, it is killed, and what it holds is free after that.
pub struct Wanted {
    run: Arc<Run>,
    hold: Hold,
    ended: bool,
}

impl Wanted {
    /// From now on.
    pub fn new(run: Arc<Run>, hold: Hold) -> Wanted {
        Wanted { run, hold, ended: false }
    }
}

impl Drop for Wanted {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let (run, hold) = (self.run.clone(), self.hold.take());
        tokio::spawn(async move {
            run.kill().await;
            run.end().await;
            drop(hold);
        });
    }
}

/// One call.
pub struct Call<'a> {
    /// Who calls.
    pub visitor: Visitor,
    /// The protocol's side of it.
    pub context: &'a RequestContext<RoleServer>,
    /// True once the whole connection is gone.
    pub hangup: watch::Receiver<bool>,
}

impl Call<'_> {
    /// Waits until nobody wants an answer any more.
    pub async fn cancelled(&self) {
        let mut hangup = self.hangup.clone();
        let hung_up = async {
            // Without a sender no connection can hang up: its calls are cancelled one by one.
            if hangup.wait_for(|gone| *gone).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = self.context.ct.cancelled() => {}
            () = hung_up => {}
        }
    }

    /// Does something that needs no cleaning up where the call is cancelled meanwhile.
    ///
    /// # Errors
    /// Its own, or [`Stop::Cancelled`].
    pub async fn unless_cancelled<T, E>(&self, work: impl Future<Output = Result<T, E>>) -> Result<T, Stop>
    where
        Stop: From<E>,
    {
        tokio::select! {
            biased;
            () = self.cancelled() => Err(Stop::Cancelled),
            done = work => Ok(done?),
        }
    }

    /// Waits for a run to begin whose beginning cannot be given up half-way: once nobody wants it, it is killed as soon as
    /// it has begun.
    ///
    /// # Errors
    /// When it does not begin, or [`Stop::Cancelled`].
    pub async fn begun(
        &self,
        begin: impl Future<Output = Result<Arc<Run>, DeskError>> + Send + 'static,
        hold: Hold,
    ) -> Result<Wanted, Stop> {
        let (sender, receiver) = oneshot::channel();
        tokio::spawn(async move {
            let begun = begin.await.map(|run| Wanted::new(run, hold));
            // Where nobody takes it, it is dropped, which kills it.
            drop(sender.send(begun));
        });
        let begun = async { receiver.await.unwrap_or(Err(DeskError::Closing)) };
        self.unless_cancelled(begun).await
    }

    /// Tells the output of a run as it comes. When the call is cancelled, the run is killed.
    ///
    /// # Errors
    /// [`Stop::Cancelled`].
    pub async fn follow(&self, mut wanted: Wanted) -> Result<(Box<Outcome>, Hold), Stop> {
        let mut progress = Progress::of(self.context);
        let mut events = wanted.run.events(None);
        let follow = async {
            loop {
                tokio::select! {
                    biased;
                    event = events.next() => match event.as_deref().map(|event| &event.kind) {
                        Some(EventKind::Stdout { text } | EventKind::Stderr { text }) => progress.add(text),
                        Some(EventKind::End { outcome }) => return Ok(outcome.clone()),
                        Some(_) => {}
                        None => return Err(Stop::Cancelled),
                    },
                    () = progress.due() => progress.tell().await,
                }
            }
        };
        let outcome = self.unless_cancelled(follow).await?;
        wanted.ended = true;
        Ok((outcome, wanted.hold.take()))
    }
}
