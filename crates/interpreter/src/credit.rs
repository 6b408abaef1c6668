//! How much standard input may be on its way to one context. Code that does not read must hold up nobody else.

use std::sync::Mutex;
use tokio::sync::Semaphore;

/// Bytes on their way at most; the guest takes more, so that a late acknowledgement costs no speed.
const WINDOW_BYTES: usize = 256 << 10;

/// The standard input of one context.
#[derive(Debug)]
pub(crate) struct Credit {
    left: Semaphore,
    unanswered: Mutex<u64>,
}

impl Credit {
    /// All of it.
    pub fn new() -> Credit {
        Credit { left: Semaphore::new(WINDOW_BYTES), unanswered: Mutex::new(0) }
    }

    /// Waits until so many bytes may be sent, at most the whole window. False when nobody takes any more.
    pub async fn take(&self, bytes: usize) -> bool {
        let bytes = bytes.min(WINDOW_BYTES) as u32;
        let Ok(permit) = self.left.acquire_many(bytes).await else {
            return false;
        };
        permit.forget();
        *self.unanswered() += u64::from(bytes);
        true
    }

    /// The guest took so many bytes. False when it was never sent that many.
    pub fn give(&self, bytes: u64) -> bool {
        let mut unanswered = self.unanswered();
        let Some(left) = unanswered.checked_sub(bytes) else {
            return false;
        };
        *unanswered = left;
        self.left.add_permits(bytes as usize);
        true
    }

    /// Nothing is taken any more.
    pub fn close(&self) {
        self.left.close();
    }

    fn unanswered(&self) -> std::sync::MutexGuard<'_, u64> {
        self.unanswered.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn no_more_than_the_window_is_on_its_way() {
        let credit = Credit::new();
        for _ in 0..4 {
            assert!(credit.take(WINDOW_BYTES / 4).await);
        }
        let next = tokio::time::timeout(Duration::from_secs(60), credit.take(1)).await;
        assert!(next.is_err(), "it waits");
        assert!(credit.give(1) && credit.take(1).await);
        assert!(!credit.give(WINDOW_BYTES as u64 + 1), "more than was sent");
        assert!(credit.give(WINDOW_BYTES as u64) && !credit.give(1));
        credit.close();
        assert!(!credit.take(1).await);
    }
}
