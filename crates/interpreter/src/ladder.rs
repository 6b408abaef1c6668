//! What happens to code that does not end: an interrupt, another one, then a kill of its context, then the end of its sandbox.
//!
//! Only decides; sending and destroying are `drive`'s.

use crate::{outcome::Stop, sandbox::START_MS};
use std::time::Duration;
use tokio::time::Instant;

/// How long after an interrupt code may still run; less where nothing of its sandbox is needed afterwards.
const GRACE: Duration = Duration::from_secs(2);
const GRACE_ONE_SHOT: Duration = Duration::from_secs(1);
/// How long after a kill the guest may take to say so.
const LAST_WAIT: Duration = Duration::from_secs(1);
/// Waiting longer than this is waiting forever, and clocks cannot count further.
const TIMEOUT_MAX: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rung {
    Starting,
    Running,
    Interrupted,
    Reminded,
    Killed,
    Destroyed,
}

/// What has to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Nothing,
    Interrupt,
    Kill,
    Destroy,
}

/// Where one execution stands between running and destroyed.
#[derive(Debug)]
pub(crate) struct Ladder {
    rung: Rung,
    due: Instant,
    timeout_ms: u64,
    grace: Duration,
    stop: Option<Stop>,
    /// Since when its sandbox stands still, while it does.
    held: Option<Instant>,
}

impl Ladder {
    /// Begins with waiting for the context to come up.
    pub fn new(timeout_ms: u64, one_shot: bool) -> Ladder {
        let due = Instant::now() + Duration::from_millis(START_MS);
        let grace = if one_shot { GRACE_ONE_SHOT } else { GRACE };
        Ladder { rung: Rung::Starting, due, timeout_ms, grace, stop: None, held: None }
    }

    /// The code runs from now on.
    pub fn begin(&mut self) {
        if self.rung == Rung::Starting {
            self.rung = Rung::Running;
            self.due = Instant::now() + Duration::from_millis(self.timeout_ms).min(TIMEOUT_MAX);
        }
    }

    /// When [`Ladder::advance`] has to be called next.
    pub fn due(&self) -> Instant {
        self.held.map_or(self.due, |held| held + TIMEOUT_MAX)
    }

    /// Its sandbox stands still: no time passes.
    pub fn hold(&mut self) {
        self.held.get_or_insert_with(Instant::now);
    }

    /// Its sandbox goes on. Gives how long it stood still.
    pub fn go_on(&mut self) -> Duration {
        let stood = self.held.take().map_or(Duration::ZERO, |held| held.elapsed());
        self.due += stood;
        stood
    }

    /// Why the code was stopped, if it was.
    pub fn stopped(&self) -> Option<Stop> {
        self.stop
    }

    /// Somebody wants the code to stop. Only the first reason counts.
    pub fn stop(&mut self, why: Stop) -> Order {
        if self.stop.is_some() {
            return Order::Nothing;
        }
        self.stop = Some(why);
        self.climb(Rung::Interrupted, self.grace / 2, Order::Interrupt)
    }

    /// Time has passed.
    pub fn advance(&mut self) -> Order {
        if Instant::now() < self.due() {
            return Order::Nothing;
        }
        match self.rung {
            Rung::Starting => {
                self.stop.get_or_insert(Stop::Startup);
                self.climb(Rung::Killed, LAST_WAIT, Order::Kill)
            }
            Rung::Running => self.stop(Stop::Timeout(self.timeout_ms)),
            // A shell that was about to start a program notices the first one when the program has ended: which the
            // second one ends.
            Rung::Interrupted => self.climb(Rung::Reminded, self.grace / 2, Order::Interrupt),
            Rung::Reminded => self.climb(Rung::Killed, LAST_WAIT, Order::Kill),
            Rung::Killed | Rung::Destroyed => self.climb(Rung::Destroyed, LAST_WAIT, Order::Destroy),
        }
    }

    fn climb(&mut self, rung: Rung, wait: Duration, order: Order) -> Order {
        self.rung = rung;
        self.due = Instant::now() + wait;
        self.held = self.held.map(|_| Instant::now());
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn until_due(ladder: &mut Ladder) -> (Order, u64) {
        let begin = Instant::now();
        tokio::time::sleep_until(ladder.due()).await;
        (ladder.advance(), begin.elapsed().as_millis() as u64)
    }

    #[tokio::test(start_paused = true)]
    async fn every_rung_follows_in_time() {
        for (one_shot, grace) in [(false, 2000), (true, 1000)] {
            let mut ladder = Ladder::new(300, one_shot);
            ladder.begin();
            assert_eq!(until_due(&mut ladder).await, (Order::Interrupt, 300));
            assert_eq!(ladder.stopped(), Some(Stop::Timeout(300)));
            assert_eq!(ladder.stop(Stop::Cancelled), Order::Nothing);
            assert_eq!(until_due(&mut ladder).await, (Order::Interrupt, grace / 2));
            assert_eq!(until_due(&mut ladder).await, (Order::Kill, grace / 2));
            assert_eq!(until_due(&mut ladder).await, (Order::Destroy, 1000));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_context_that_never_comes_up_is_given_up() {
        let mut ladder = Ladder::new(300, false);
        assert_eq!(until_due(&mut ladder).await, (Order::Kill, START_MS));
        assert_eq!(ladder.stopped(), Some(Stop::Startup));
        assert_eq!(until_due(&mut ladder).await, (Order::Destroy, 1000));
    }

    #[tokio::test(start_paused = true)]
    async fn no_time_passes_while_all_stands_still() {
        let mut ladder = Ladder::new(300, false);
        ladder.begin();
        tokio::time::sleep(Duration::from_millis(100)).await;
        ladder.hold();
        tokio::time::sleep(Duration::from_secs(1000)).await;
        assert_eq!(ladder.advance(), Order::Nothing);
        assert_eq!(ladder.go_on(), Duration::from_secs(1000));
        assert_eq!(until_due(&mut ladder).await, (Order::Interrupt, 200));
        // One that is stopped while it stands still has its whole grace when it goes on.
        let mut ladder = Ladder::new(300, false);
        ladder.hold();
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(ladder.stop(Stop::Cancelled), Order::Interrupt);
        tokio::time::sleep(Duration::from_secs(10)).await;
        ladder.go_on();
        assert_eq!(until_due(&mut ladder).await, (Order::Interrupt, 1000));
    }

    #[tokio::test(start_paused = true)]
    async fn an_endless_timeout_does_not_overflow() {
        let mut ladder = Ladder::new(u64::MAX, false);
        ladder.begin();
        assert_eq!(ladder.advance(), Order::Nothing);
        assert_eq!(ladder.stop(Stop::Cancelled), Order::Interrupt);
    }
}
