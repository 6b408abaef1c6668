//! The end of a context: what is still heard, what is killed, what is told.

use super::{CLOSED_GRACE, Context, DEATH_GRACE, ENDING_MAX, Failure, Ground, NEWS_GRACE};
use protocol::guest::{End, Exit, Reply};
use rustix::io::Errno;
use rustix::process::Signal;

impl Context {
    /// Brings a dying context to its end, step by step. True when it is over.
    pub(super) fn wind_up(&mut self, alone: bool, ground: &mut Ground) -> bool {
        let Some(ending) = &self.ending else {
            return false;
        };
        let now = ground.now;
        let age = now.saturating_duration_since(ending.since);
        let dead_for = ending.died_at.map(|at| now.saturating_duration_since(at));
        let started = ending.killed;
        let settled = match dead_for {
            Some(time) if self.exit.is_some() => ending.closed || time > DEATH_GRACE,
            Some(time) => time > NEWS_GRACE,
            None if self.root.is_none() && self.failure.is_some() => true,
            None => age > if self.root.is_some() { ENDING_MAX } else { NEWS_GRACE },
        };
        if dead_for.is_none() && !started && (age > CLOSED_GRACE || self.failure.is_some()) {
            self.kill(alone, now);
        }
        if !settled {
            return false;
        }
        if self.running.is_some() {
            self.kill(alone, now);
            let exit = self.exit.unwrap_or(Exit::Signal(Signal::KILL.as_raw()));
            let end = match (self.overrun, self.broken) {
                (Some(overrun), _) => overrun.end(),
                (None, true) => End::Broken,
                (None, false) => End::Exited(exit),
            };
            self.finish(end, ground);
        }
        if self.finishing.is_some() {
            return false;
        }
        self.kill(alone, now);
        self.report(ground);
        true
    }

    fn report(&mut self, ground: &mut Ground) {
        for pipe in [&mut self.stdout, &mut self.stderr] {
            ground.stale.add(pipe.take());
        }
        if let Some(transfer) = self.forking.take() {
            let message = "fork a context: it ended".to_owned();
            ground.host.send(&Reply::Failed { transfer, errno: Errno::SRCH.raw_os_error(), message }, b"");
        }
        let mut failure = self.failure.take();
        if failure.is_none() && !self.ready {
            let words = String::from_utf8_lossy(&self.last_words);
            let words = words.trim();
            let why = if words.is_empty() { "it ended before it was ready" } else { words };
            failure = Some(Failure { message: format!("start the interpreter: {why}"), errno: None });
        }
        let (failure, errno) = failure.map_or((None, None), |failure| (Some(failure.message), failure.errno));
        let context = self.id.clone();
        ground.host.send(&Reply::ContextEnded { context, exit: self.exit, failure, errno }, b"");
    }
}
