//! Sandboxes that stand still: frozen by the kernel with all that is in them, or stopped one by one by their guests.

use crate::{Error, Sandbox};
use jail::cgroup::Group;
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// How long the kernel may take to stop everything in a sandbox before its guest is asked instead.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether everything in a sandbox stands still, and who is to hear of it.
pub(crate) struct Standstill(watch::Sender<bool>);

impl Default for Standstill {
    fn default() -> Standstill {
        Standstill(watch::Sender::new(false))
    }
}

impl Standstill {
    /// Hears of every change; the present state comes first.
    pub fn follow(&self) -> watch::Receiver<bool> {
        let mut follows = self.0.subscribe();
        follows.mark_changed();
        follows
    }
}

impl Sandbox {
    /// Stops every process in it where it is, until [`Sandbox::resume`]; memory and files stay as they are, though memory
    /// may go to swap where this host has any. Code that runs is not interrupted, and its time does not go on; code that
    /// is sent meanwhile waits.
    ///
    /// # Errors
    /// When the sandbox is gone.
    pub async fn pause(&self) -> Result<(), Error> {
        let group = self.group();
        if !on_thread(group.clone(), |group| group.freeze(PATIENCE)).await {
            self.files().pause(true).await?;
        }
        self.standstill().0.send_replace(true);
        if let Some(group) = group {
            let still = self.standstill().0.subscribe();
            tokio::task::spawn_blocking(move || group.reclaim(&|| *still.borrow()));
        }
        Ok(())
    }

    /// Lets everything go on that [`Sandbox::pause`] stopped.
    ///
    /// # Errors
    /// When the sandbox is gone.
    pub async fn resume(&self) -> Result<(), Error> {
        self.standstill().0.send_replace(false);
        on_thread(self.group(), |group| {
            group.thaw();
            true
        })
        .await;
        self.files().pause(false).await
    }
}

/// Does something with a group that takes milliseconds; false where there is no group or it did not work.
async fn on_thread(group: Option<Arc<Group>>, work: fn(&Group) -> bool) -> bool {
    let Some(group) = group else { return false };
    tokio::task::spawn_blocking(move || work(&group)).await.unwrap_or(false)
}
