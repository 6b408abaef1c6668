//! Looks once a second for what is over: sandboxes whose time to live has passed, executions that ended long ago.

use crate::desk::WeakDesk;
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(1);

/// Until the desk is gone.
pub(crate) async fn reap(desk: WeakDesk) {
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(desk) = desk.upgrade() else { return };
        for expired in desk.sandboxes().take_expired() {
            tracing::info!(sandbox = %expired.id(), "expired");
            let desk = desk.clone();
            tokio::spawn(async move { desk.sandboxes().destroy(expired).await });
        }
        for kept in desk.sandboxes().to_pause() {
            tokio::spawn(async move {
                if let Ok(true) = kept.pause_in_time().await {
                    tracing::info!(sandbox = %kept.id(), "paused");
                }
            });
        }
        desk.runs().forget_old();
        desk.once_table().forget_old();
        desk.talks().forget_old();
    }
}
