//! The one task that fills all shelves: one sandbox after the other, when nothing speaks against it.

use super::figures::HeldBack;
use super::load;
use super::pressure::Pressure;
use super::shelf::Shelf;
use super::shelves::{Next, PoolSettings};
use crate::Interpreter;
use crate::interpreter::WeakInterpreter;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

/// Until there are no shelves, or nobody has the interpreter any more.
pub(crate) async fn refill(interpreter: WeakInterpreter, changed: Arc<Notify>) {
    let mut memory = Memory::default();
    loop {
        let wait = {
            let Some(interpreter) = interpreter.upgrade() else { return };
            let (settings, now) = (interpreter.pool_settings(), Instant::now());
            let pressure = memory.is_short(settings, now);
            match interpreter.pool().next(settings.memory_bytes_max, pressure, now) {
                Next::End => return,
                Next::Make(shelf) => {
                    fill(&interpreter, &shelf).await;
                    continue;
                }
                Next::Measure(shelf, sandbox) => {
                    let bytes = tokio::task::spawn_blocking(move || sandbox.memory_bytes()).await;
                    shelf.measured(bytes.ok().flatten(), now);
                    continue;
                }
                Next::Wait(until) => until.saturating_duration_since(now).min(settings.look_every),
            }
        };
        let _ = timeout(wait, changed.notified()).await;
    }
}

/// The last look at the machine's memory.
#[derive(Default)]
struct Memory {
    pressure: Pressure,
    looked: Option<(Instant, bool)>,
}

impl Memory {
    fn is_short(&mut self, settings: &PoolSettings, now: Instant) -> bool {
        match self.looked {
            Some((when, short)) if now.duration_since(when) < settings.look_every => short,
            _ => {
                let short = self.pressure.update(settings.gauges.read());
                self.looked = Some((now, short));
                short
            }
        }
    }
}

/// Makes one for this shelf, when there is a CPU for it.
async fn fill(interpreter: &Interpreter, shelf: &Shelf) {
    give_way(interpreter, shelf).await;
    if shelf.closed.is_cancelled() {
        return;
    }
    shelf.making.send_replace(true);
    tokio::select! {
        () = shelf.closed.cancelled() => {}
        () = make(interpreter, shelf) => {}
    }
    shelf.making.send_replace(false);
}

async fn give_way(interpreter: &Interpreter, shelf: &Shelf) {
    let began = Instant::now();
    let loadavg = &interpreter.pool_settings().gauges.loadavg;
    let patience = || load::patience(shelf.count(), shelf.floor());
    let others = || load::cpus_are_taken(loadavg) || shelf.was_just_asked(load::QUIET);
    while others() && began.elapsed() < patience() {
        interpreter.pool().hold_back(Some(HeldBack::Busy));
        tokio::select! {
            () = shelf.closed.cancelled() => return,
            () = sleep(load::LOOK_AGAIN) => {}
        }
    }
    interpreter.pool().hold_back(None);
}

async fn make(interpreter: &Interpreter, shelf: &Shelf) {
    let (began, counters) = (Instant::now(), &interpreter.pool().counters);
    let Ok(sandbox) = interpreter.make_warm(shelf.request.clone()).await else {
        // Whoever asks meanwhile is told why.
        return shelf.failed(Instant::now());
    };
    let took = began.elapsed();
    counters.made.add(1);
    counters.making_us.add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    shelf.put(sandbox, took);
}
