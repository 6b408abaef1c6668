//! The end of a server: nothing begins any more, what runs may end within a grace, then everything is destroyed.

use crate::Desk;
use std::time::Duration;
use tokio::time::timeout;

/// How long what was interrupted may take; as long as an execution needs to be killed at the latest.
const LAST_WAIT: Duration = Duration::from_secs(5);

impl Desk {
    /// Begins nothing any more. Whoever waits for its turn is told.
    pub fn stop(&self) {
        self.begin_closing();
        self.queue().close();
    }

    /// Stops and kills what runs, with everything that it started.
    pub async fn kill(&self) {
        self.stop();
        let running = self.runs().running();
        let ends: Vec<_> =
            running.into_iter().map(|run| tokio::spawn(async move { run.kill().await })).collect();
        for end in ends {
            let _ = end.await;
        }
    }

    /// Stops, lets what runs end within `grace`, interrupts the rest, and destroys all sandboxes. Returns when nothing
    /// is left.
    pub async fn close(&self, grace: Duration) {
        self.stop();
        let _ = timeout(grace, self.all_ended()).await;
        self.runs().running().iter().for_each(|run| run.interrupt());
        self.talks().cancel_all();
        let _ = timeout(LAST_WAIT, self.all_ended()).await;
        let all = self.sandboxes().take_all();
        let ends: Vec<_> = all
            .into_iter()
            .map(|kept| {
                let desk = self.clone();
                tokio::spawn(async move { desk.sandboxes().destroy(kept).await })
            })
            .collect();
        for end in ends {
            let _ = end.await;
        }
        let _ = timeout(LAST_WAIT, self.warm_ended()).await;
        let _ = timeout(LAST_WAIT, self.all_ended()).await;
        let _ = timeout(LAST_WAIT, self.nothing_admitted()).await;
        self.record().flush().await;
    }

    async fn all_ended(&self) {
        for run in self.runs().running() {
            run.end().await;
        }
        self.talks().all_answered().await;
    }

    async fn nothing_admitted(&self) {
        while self.queue().look().admitted > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
