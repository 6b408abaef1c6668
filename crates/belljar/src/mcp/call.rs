//! One call while it is carried out: whose it is, whether it is still wanted, and how an execution is followed for it.

use super::progress::Progress;
use super::refusal::Stop;
use interpreter::{Caller, Execution};
use protocol::{EventKind, Outcome};
use rmcp::RoleServer;
use rmcp::service::RequestContext;
use tokio::sync::watch;

/// One call.
pub struct Call<'a> {
    /// Who calls.
    pub caller: Caller,
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

    /// Tells the output of an execution as it comes. `None` when the call was cancelled; the execution runs on then.
    pub async fn follow(&self, execution: &mut Execution) -> Option<Box<Outcome>> {
        let mut progress = Progress::of(self.context);
        let follow = async {
            loop {
                tokio::select! {
                    biased;
                    event = execution.next() => match event?.kind {
                        EventKind::Stdout { text } | EventKind::Stderr { text } => progress.add(&text),
                        EventKind::End { outcome } => return Some(outcome),
                        _ => {}
                    },
                    () = progress.due() => progress.tell().await,
                }
            }
        };
        tokio::select! {
            biased;
            () = self.cancelled() => None,
            outcome = follow => outcome,
        }
    }
}
