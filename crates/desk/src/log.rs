//! The events of one execution, kept so that they can be read from any place, by several, while it runs and after.
//!
//! Numbers are given here, without gaps. Output in many small pieces is joined once there are many events, so that a
//! log stays about as large as the output that the limits allow.

use protocol::{Event, EventKind, ExecutionId, Outcome};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::watch;

/// Events that are kept one by one; beyond that, output is joined.
const SINGLE_EVENTS: usize = 1000;
/// Longest output that waits for more, in bytes, and how long it waits.
const JOINED_BYTES: usize = 64 << 10;
/// How long output waits for more, once there are many events.
pub(crate) const JOINED_FOR: Duration = Duration::from_millis(100);

/// Where to begin to read: after the event of this number, or with the first.
pub type After = Option<u64>;

/// What was said.
pub(crate) struct Log {
    execution: ExecutionId,
    written: Mutex<Written>,
    moved: watch::Sender<usize>,
}

#[derive(Default)]
struct Written {
    events: Vec<Arc<Event>>,
    waiting: Option<EventKind>,
    bytes: usize,
    ended: bool,
}

impl Log {
    pub fn new(execution: ExecutionId) -> Log {
        Log { execution, written: Mutex::default(), moved: watch::Sender::new(0) }
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the next event. True while output waits to be joined: then [`Log::flush`] must follow in time.
    pub fn push(&self, kind: EventKind) -> bool {
        let mut written = self.written();
        let many = written.events.len() >= SINGLE_EVENTS;
        match (&mut written.waiting, kind) {
            (Some(EventKind::Stdout { text }), EventKind::Stdout { text: more })
            | (Some(EventKind::Stderr { text }), EventKind::Stderr { text: more })
                if text.len() < JOINED_BYTES =>
            {
                text.push_str(&more);
            }
            (_, kind) => {
                self.write_waiting(&mut written);
                match many && matches!(kind, EventKind::Stdout { .. } | EventKind::Stderr { .. }) {
                    true => written.waiting = Some(kind),
                    false => self.write(&mut written, kind),
                }
            }
        }
        written.waiting.is_some()
    }

    /// Output waits no longer.
    pub fn flush(&self) {
        self.write_waiting(&mut self.written());
    }

    fn write_waiting(&self, written: &mut Written) {
        if let Some(kind) = written.waiting.take() {
            self.write(written, kind);
        }
    }

    fn write(&self, written: &mut Written, kind: EventKind) {
        written.bytes += weight(&kind);
        written.ended |= matches!(kind, EventKind::End { .. });
        let seq = written.events.len() as u64;
        written.events.push(Arc::new(Event { execution: self.execution.clone(), seq, kind }));
        self.moved.send_replace(written.events.len());
    }

    /// The outcome, once it is there.
    pub fn outcome(&self) -> Option<Arc<Event>> {
        let written = self.written();
        written.events.last().filter(|_| written.ended).cloned()
    }

    /// About how much memory it takes, in bytes.
    pub fn bytes(&self) -> usize {
        self.written().bytes
    }

    /// Waits until something is said after `seen` events.
    pub async fn wait(&self, seen: usize) {
        let _ = self.moved.subscribe().wait_for(|count| *count > seen).await;
    }

    fn get(&self, at: usize) -> (Option<Arc<Event>>, bool) {
        let written = self.written();
        (written.events.get(at).cloned(), written.ended)
    }
}

/// The outcome in an `End` event.
pub(crate) fn outcome_of(event: &Event) -> Option<&Outcome> {
    match &event.kind {
        EventKind::End { outcome } => Some(outcome),
        _ => None,
    }
}

/// What anything small takes at least, in bytes.
const EVENT_BYTES: usize = 256;

fn bundle_bytes(bundle: &protocol::Bundle) -> usize {
    bundle.data.values().map(|value| value.as_str().map_or(EVENT_BYTES, str::len)).sum()
}

/// About how much memory an outcome takes, in bytes.
pub(crate) fn outcome_bytes(outcome: &Outcome) -> usize {
    outcome.stdout.len()
        + outcome.stderr.len()
        + outcome.results.iter().map(bundle_bytes).sum::<usize>()
        + outcome.files.len() * EVENT_BYTES
}

fn weight(kind: &EventKind) -> usize {
    EVENT_BYTES
        + match kind {
            EventKind::Stdout { text } | EventKind::Stderr { text } => text.len(),
            EventKind::Result { bundle: one, .. } => bundle_bytes(one),
            EventKind::End { outcome } => outcome_bytes(outcome),
            _ => 0,
        }
}

/// Reads the events of one execution, in order, to its end.
pub struct Events {
    run: Arc<crate::Run>,
    next: usize,
}

impl Events {
    pub(crate) fn new(run: Arc<crate::Run>, after: After) -> Events {
        let next = after.map_or(0, |seq| usize::try_from(seq).unwrap_or(usize::MAX).saturating_add(1));
        Events { run, next }
    }

    /// The next one; `None` after the last. Cancel safe.
    pub async fn next(&mut self) -> Option<Arc<Event>> {
        loop {
            match self.run.log.get(self.next) {
                (Some(event), _) => {
                    self.next += 1;
                    return Some(event);
                }
                (None, true) => return None,
                (None, false) => self.run.log.wait(self.next).await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stdout(text: &str) -> EventKind {
        EventKind::Stdout { text: text.to_owned() }
    }

    #[test]
    fn many_small_pieces_become_few_events() {
        let log = Log::new(ExecutionId::from_bits(1));
        for _ in 0..100_000 {
            log.push(stdout("xy"));
        }
        assert!(log.push(EventKind::Stderr { text: "e".into() }));
        log.flush();
        let written = log.written();
        assert!(written.events.len() < SINGLE_EVENTS + 10, "{}", written.events.len());
        let texts = written.events.iter().map(|event| match &event.kind {
            EventKind::Stdout { text } => text.len(),
            _ => 0,
        });
        assert_eq!(texts.sum::<usize>(), 200_000);
        assert!(written.events.iter().enumerate().all(|(at, event)| event.seq == at as u64));
    }

    #[test]
    fn few_events_stay_as_they_came() {
        let log = Log::new(ExecutionId::from_bits(1));
        for _ in 0..SINGLE_EVENTS {
            assert!(!log.push(stdout("x")));
        }
        assert_eq!(log.written().events.len(), SINGLE_EVENTS);
        assert!(log.bytes() >= SINGLE_EVENTS);
    }
}
