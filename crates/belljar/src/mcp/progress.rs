//! Output on its way: told as progress of a call where its client asked for that, joined so that it is not told too often.

use rmcp::RoleServer;
use rmcp::model::{ProgressNotificationParam, ProgressToken};
use rmcp::service::{Peer, RequestContext};
use std::time::Duration;
use tokio::time::Instant;

/// The shortest time between two messages: five in a second at most.
const PAUSE: Duration = Duration::from_millis(200);
/// Longest text of one message, in bytes; of more, the end is told.
const MESSAGE_BYTES_MAX: usize = 4 << 10;

/// What is told to one call's client. Without a token, nothing.
pub struct Progress {
    listener: Option<(Peer<RoleServer>, ProgressToken)>,
    waiting: String,
    told: u32,
    next: Instant,
}

impl Progress {
    /// For this call.
    pub fn of(context: &RequestContext<RoleServer>) -> Progress {
        let token = context.meta.get_progress_token();
        let listener = token.map(|token| (context.peer.clone(), token));
        Progress { listener, waiting: String::new(), told: 0, next: Instant::now() }
    }

    /// More to tell, in its time.
    pub fn add(&mut self, text: &str) {
        if self.listener.is_none() {
            return;
        }
        self.waiting.push_str(&interpreter::plain(text));
        keep_end(&mut self.waiting, MESSAGE_BYTES_MAX);
    }

    /// Waits until there is something to tell and it is time for it. Cancel safe.
    pub async fn due(&self) {
        if self.waiting.is_empty() {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep_until(self.next).await;
    }

    /// Tells what waits.
    pub async fn tell(&mut self) {
        let Some((peer, token)) = &self.listener else { return };
        self.told += 1;
        self.next = Instant::now() + PAUSE;
        let message = std::mem::take(&mut self.waiting);
        let progress = ProgressNotificationParam::new(token.clone(), f64::from(self.told));
        // A client that is gone cancels its calls itself.
        let _ = peer.notify_progress(progress.with_message(message)).await;
    }
}

fn keep_end(text: &mut String, bytes_max: usize) {
    if text.len() <= bytes_max {
        return;
    }
    let from = text.ceil_char_boundary(text.len() - bytes_max + '…'.len_utf8());
    text.replace_range(..from, "…");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_too_much_the_end_is_kept() {
        for (text, kept) in [("", ""), ("12345678", "12345678"), ("123456789", "…56789"), ("ééééé", "…éé")]
        {
            let mut text = text.to_owned();
            keep_end(&mut text, 8);
            assert_eq!(text, kept);
        }
    }
}
