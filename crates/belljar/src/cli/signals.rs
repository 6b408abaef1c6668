//! Ctrl-C, SIGTERM and SIGHUP: the first Ctrl-C asks the code to stop, everything after that ends the process.
//!
//! Ending is left to the command, which drops its sandbox first. When it cannot, because it hangs in a write that
//! nobody reads, a watchdog ends the process; the sandbox's keeper then cleans up.

use super::failure::{Done, Failure, reason};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

/// How long a command may take to end itself.
const PATIENCE: Duration = Duration::from_secs(3);

/// What came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// The first Ctrl-C since the last [`Signals::reset`].
    Interrupt,
    /// Something that ends the process: the signal's number.
    End(u8),
}

/// Signals for this process, one after the other.
#[derive(Debug)]
pub struct Signals {
    came: mpsc::UnboundedReceiver<Came>,
    interrupts: Arc<AtomicU32>,
    hurry: Arc<AtomicBool>,
}

impl Signals {
    /// Begins to listen; must be called inside the runtime. `restore` is called before the watchdog ends the process.
    pub fn listen(restore: impl Fn() + Send + 'static) -> Done<Signals> {
        let open = |kind| {
            signal(kind)
                .map_err(|error| Failure::ours("signals", format!("listen to signals: {}", reason(&error))))
        };
        let streams =
            [open(SignalKind::interrupt())?, open(SignalKind::terminate())?, open(SignalKind::hangup())?];
        let interrupts = Arc::new(AtomicU32::new(0));
        let (sender, came) = mpsc::unbounded_channel();
        let hurry = Arc::new(AtomicBool::new(false));
        let watch = Watch { interrupts: interrupts.clone(), hurry: hurry.clone(), sender };
        tokio::spawn(watch.run(streams, restore));
        Ok(Signals { came, interrupts, hurry })
    }

    /// The next signal. Cancel safe.
    pub async fn next(&mut self) -> Came {
        match self.came.recv().await {
            Some(came) => came,
            None => std::future::pending().await,
        }
    }

    /// The next Ctrl-C is a first one again.
    pub fn reset(&mut self) {
        self.interrupts.store(0, Ordering::Relaxed);
        while self.came.try_recv().is_ok() {}
    }

    /// While true, the process ends at once: nobody waits for a signal, because a line is edited.
    pub fn hurry(&self, hurry: bool) {
        self.hurry.store(hurry, Ordering::Relaxed);
    }

    /// Waits for something that only a signal can end early.
    pub async fn unless<T>(&mut self, work: impl Future<Output = Done<T>>) -> Done<T> {
        tokio::select! {
            done = work => done,
            came = self.next() => Err(match came {
                Came::Interrupt => Failure::signal(2),
                Came::End(number) => Failure::signal(number),
            }),
        }
    }
}

impl Signals {
    /// Waits for something. The first Ctrl-C calls `interrupt` and waits on; what comes after that ends the wait.
    pub async fn during<T>(&mut self, work: impl Future<Output = Done<T>>, interrupt: impl Fn()) -> Done<T> {
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                came = self.next() => match came {
                    Came::Interrupt => interrupt(),
                    Came::End(number) => return Err(Failure::signal(number)),
                },
            }
        }
    }
}

struct Watch {
    interrupts: Arc<AtomicU32>,
    hurry: Arc<AtomicBool>,
    sender: mpsc::UnboundedSender<Came>,
}

impl Watch {
    async fn run(self, [mut interrupt, mut terminate, mut hangup]: [Signal; 3], restore: impl Fn() + Send) {
        loop {
            let number = tokio::select! {
                _ = interrupt.recv() => 2,
                _ = terminate.recv() => 15,
                _ = hangup.recv() => 1,
            };
            if number == 2 && self.interrupts.fetch_add(1, Ordering::Relaxed) == 0 {
                let _ = self.sender.send(Came::Interrupt);
                continue;
            }
            let _ = self.sender.send(Came::End(number));
            if !self.hurry.load(Ordering::Relaxed) {
                tokio::time::sleep(PATIENCE).await;
            }
            restore();
            std::process::exit(128 + i32::from(number));
        }
    }
}
