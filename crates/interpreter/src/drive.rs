//! Drives one execution from its first frame to its outcome: listens to the guest, the clocks and the caller at once.
//!
//! What to do about time is `ladder`'s, what output becomes is `collect`'s, the verdict is `outcome`'s.

use crate::{
    Sandbox,
    backend::Measure,
    collect::Collected,
    isolation,
    ladder::{Ladder, Order},
    outcome::{self, Facts, Finish, Stop},
    routes::Life,
    runner::Runner,
};
use protocol::{
    Event, EventKind, ExecutionId, FileChange, Finding, Outcome, Usage,
    frame::Frame,
    guest::{Caps, Reply},
};
use std::{future::pending, sync::Arc, time::Duration};
use tokio::{
    sync::{Notify, mpsc, watch},
    task::AbortHandle,
    time::{Instant, Interval, MissedTickBehavior, sleep_until},
};

const CPU_EVERY: Duration = Duration::from_millis(50);
/// How long after a context's end the end of its execution may still come.
const STRAGGLER: Duration = Duration::from_millis(250);
const FAILURE_EVERY: Duration = Duration::from_millis(10);
const SPILLED_MAX: usize = 4;
const SPILLED_BYTES_MAX: usize = 4096;

/// What one execution may do.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub timeout_ms: u64,
    pub cpu_ms: Option<u64>,
    pub caps: Caps,
    /// What the policy says of the code.
    pub findings: Vec<Finding>,
    /// Nothing of the sandbox is needed when this ends.
    pub one_shot: bool,
}

/// One execution that was sent to its guest.
pub(crate) struct Drive {
    id: ExecutionId,
    runner: Runner,
    plan: Plan,
    frames: mpsc::Receiver<Frame<Reply>>,
    events: mpsc::Sender<Event>,
    interrupt: Arc<Notify>,
    stdin: Option<AbortHandle>,
    life: watch::Receiver<Life>,
    life_over: bool,
    still: watch::Receiver<bool>,
    read: bool,
    ladder: Ladder,
    cpu: Option<Interval>,
    before: Measure,
    sent: Instant,
    began: Option<Instant>,
    demise: Option<Instant>,
    collected: Collected,
    seq: u64,
    ended: Ended,
}

/// What is left of an `Ended` frame.
#[derive(Default)]
struct Ended {
    cpu_us: u64,
    results_dropped: u32,
    files_dropped: u32,
    spilled_to: Vec<String>,
    files: Vec<FileChange>,
}

/// Who hears of it.
pub(crate) struct Ends {
    pub frames: mpsc::Receiver<Frame<Reply>>,
    pub events: mpsc::Sender<Event>,
    pub interrupt: Arc<Notify>,
    pub stdin: Option<AbortHandle>,
}

enum Heard {
    Frame(Option<Box<Frame<Reply>>>),
    RoomForEvents,
    ReaderGone,
    Interrupt,
    Life(bool),
    Still,
    Due,
    CpuTick,
}

impl Drive {
    /// `before` was measured before the code was sent.
    pub fn new(id: ExecutionId, runner: Runner, plan: Plan, before: Measure, ends: Ends) -> Drive {
        let mut life = runner.life();
        life.mark_changed();
        let cpu = plan.cpu_ms.map(|_| {
            let mut interval = tokio::time::interval(CPU_EVERY);
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            interval
        });
        let Ends { frames, events, interrupt, stdin } = ends;
        let still = runner.sandbox().standstill().follow();
        Drive {
            id,
            life,
            frames,
            events,
            interrupt,
            stdin,
            cpu,
            before,
            runner,
            life_over: false,
            still,
            read: true,
            ladder: Ladder::new(plan.timeout_ms, plan.one_shot),
            sent: Instant::now(),
            began: None,
            demise: None,
            collected: Collected::new(plan.caps),
            seq: 0,
            ended: Ended::default(),
            plan,
        }
    }

    /// Runs to the end and delivers it.
    pub async fn run(mut self) {
        let finish = loop {
            let heard = self.hear().await;
            if let Some(finish) = self.take(heard) {
                break finish;
            }
        };
        let wall = self.began.unwrap_or(self.sent).elapsed();
        if let Some(stdin) = self.stdin.take() {
            stdin.abort();
        }
        self.sandbox().wire().routes.remove_execution(&self.id);
        let failure = self.failure(&finish).await;
        let outcome = self.judge(finish, failure, wall);
        self.deliver(outcome).await;
    }

    /// What the backend knows about a context that never came up or a sandbox that went away. It may learn of that a
    /// little later than the guest did.
    async fn failure(&self, finish: &Finish) -> Option<String> {
        let never_ran = match finish {
            // A program that is missing (ENOENT) says all there is to say.
            Finish::ContextEnded(demise) => demise.exit.is_none() && demise.errno != Some(2),
            Finish::Lost(_) => self.began.is_none(),
            _ => return None,
        };
        let patience = Instant::now() + if never_ran { STRAGGLER } else { Duration::ZERO };
        loop {
            let failure = self.sandbox().failure();
            if failure.is_some() || Instant::now() >= patience {
                return failure;
            }
            tokio::time::sleep(FAILURE_EVERY).await;
        }
    }

    fn sandbox(&self) -> &Arc<Sandbox> {
        self.runner.sandbox()
    }

    async fn hear(&mut self) -> Heard {
        let Drive { frames, events, interrupt, life, still, ladder, cpu, demise, collected, .. } = self;
        let due = demise.map_or(ladder.due(), |demise| ladder.due().min(demise + STRAGGLER));
        let tick = async {
            match cpu {
                Some(interval) => interval.tick().await,
                None => pending().await,
            }
        };
        tokio::select! {
            frame = frames.recv() => Heard::Frame(frame.map(Box::new)),
            room = events.reserve(), if self.read && collected.has_events() => {
                if room.is_ok() { Heard::RoomForEvents } else { Heard::ReaderGone }
            }
            () = events.closed(), if self.read => Heard::ReaderGone,
            () = interrupt.notified() => Heard::Interrupt,
            changed = life.changed(), if !self.life_over => Heard::Life(changed.is_ok()),
            // The sandbox keeps the other end.
            Ok(()) = still.changed() => Heard::Still,
            () = sleep_until(due) => Heard::Due,
            _ = tick => Heard::CpuTick,
        }
    }

    fn take(&mut self, heard: Heard) -> Option<Finish> {
        match heard {
            Heard::Frame(Some(frame)) => return self.frame(*frame),
            Heard::Frame(None) => return Some(Finish::Lost(self.sandbox().wire().gone().0)),
            Heard::RoomForEvents => self.say(),
            Heard::ReaderGone => {
                self.read = false;
                if self.plan.one_shot {
                    self.sandbox().destroy_soon();
                    return Some(Finish::Destroyed);
                }
                let order = self.ladder.stop(Stop::Cancelled);
                return self.carry_out(order);
            }
            Heard::Interrupt => {
                let order = self.ladder.stop(Stop::Cancelled);
                return self.carry_out(order);
            }
            Heard::Life(false) => self.life_over = true,
            Heard::Life(true) => return self.life(),
            Heard::Still => self.stand_still(),
            Heard::Due => return self.due(),
            Heard::CpuTick => return self.cpu(),
        }
        None
    }

    /// Time that the sandbox stands still is nobody's.
    fn stand_still(&mut self) {
        if *self.still.borrow_and_update() {
            return self.ladder.hold();
        }
        let stood = self.ladder.go_on();
        self.began = self.began.map(|began| began + stood);
    }

    fn due(&mut self) -> Option<Finish> {
        let straggled = self.demise.is_some_and(|demise| demise.elapsed() >= STRAGGLER);
        if let (true, Life::Ended(demise)) = (straggled, &*self.life.borrow()) {
            return Some(Finish::ContextEnded(demise.clone()));
        }
        let order = self.ladder.advance();
        self.carry_out(order)
    }

    fn cpu(&mut self) -> Option<Finish> {
        let limit = self.plan.cpu_ms?;
        self.began?;
        let used = used_cpu_ms(&self.before, &self.sandbox().measure())?;
        if used <= limit as f64 {
            return None;
        }
        let order = self.ladder.stop(Stop::Cpu(limit));
        self.carry_out(order)
    }

    fn carry_out(&mut self, order: Order) -> Option<Finish> {
        match order {
            Order::Nothing => {}
            Order::Interrupt => self.sandbox().wire().post(&self.runner.interrupt()),
            Order::Kill => self.sandbox().wire().post(&self.runner.kill()),
            Order::Destroy => {
                self.sandbox().destroy_soon();
                return Some(Finish::Destroyed);
            }
        }
        None
    }

    fn life(&mut self) -> Option<Finish> {
        let life = self.life.borrow_and_update().clone();
        match &life {
            Life::Starting => {}
            Life::Up { .. } => {
                self.begin();
                let inside = self.runner.inside(&life);
                if let Err(error) = isolation::check(&self.sandbox().isolation_of(inside), None) {
                    self.sandbox().destroy_soon();
                    return Some(Finish::WallsDown(format!("cannot {error}")));
                }
            }
            Life::Ended(demise) if self.began.is_none() && demise.exit.is_none() => {
                return Some(Finish::ContextEnded(demise.clone()));
            }
            Life::Ended(_) => self.demise = Some(Instant::now()),
        }
        None
    }

    fn begin(&mut self) {
        self.began.get_or_insert_with(Instant::now);
        self.ladder.begin();
    }

    fn frame(&mut self, frame: Frame<Reply>) -> Option<Finish> {
        self.begin();
        match frame.header {
            Reply::Output { stream, skipped, .. } => self.collected.output(stream, skipped, &frame.payload),
            Reply::Bundle { main, display_id, update, .. } => {
                self.collected.bundle(main, display_id, update, &frame.payload);
            }
            Reply::Raised { .. } => self.collected.raised(&frame.payload),
            Reply::Ended { end, cpu_us, results_dropped, files_dropped, spilled_to, .. } => {
                let (files, left_out) = self.collected.files(&frame.payload);
                let files_dropped = files_dropped.saturating_add(left_out);
                self.ended = Ended { cpu_us, results_dropped, files_dropped, spilled_to, files };
                return Some(Finish::Ended(end));
            }
            _ => {}
        }
        None
    }

    /// Gives waiting events to the reader, as many as it takes.
    fn say(&mut self) {
        while self.read && self.events.capacity() > 0 {
            let Some(kind) = self.collected.next_event() else {
                return;
            };
            let event = self.number(kind);
            self.read = self.events.try_send(event).is_ok();
        }
    }

    fn number(&mut self, kind: EventKind) -> Event {
        let event = Event { execution: self.id.clone(), seq: self.seq, kind };
        self.seq += 1;
        event
    }

    fn judge(&mut self, finish: Finish, failure: Option<String>, wall: Duration) -> Outcome {
        self.collected.finish();
        let taken = self.collected.take();
        let after = self.sandbox().measure();
        let ended = std::mem::take(&mut self.ended);
        let language = self.runner.language();
        let verdict = outcome::judge(Facts {
            finish,
            stop: self.ladder.stopped(),
            raised: taken.raised,
            oom: matches!((self.before.oom_kills, after.oom_kills), (Some(before), Some(after)) if after > before),
            memory_bytes: self.sandbox().limits().memory_bytes,
            language,
            one_shot: self.plan.one_shot,
            command: self.runner.is_command(),
            failure,
        });
        let mut truncated = taken.truncated;
        truncated.results = truncated.results.saturating_add(ended.results_dropped);
        truncated.files = ended.files_dropped;
        if self.plan.caps.spill {
            truncated.spilled_to = ended.spilled_to.into_iter().filter(|path| is_spill(path)).collect();
            truncated.spilled_to.truncate(SPILLED_MAX);
        }
        let cpu_ms = used_cpu_ms(&self.before, &after).unwrap_or(ended.cpu_us as f64 / 1000.0);
        let seen_inside = || self.sandbox().wire().routes.memory_peak_bytes();
        let memory_peak_bytes = after.memory_peak_bytes.or_else(seen_inside).unwrap_or_default();
        let life = self.life.borrow().clone();
        Outcome {
            id: self.id.clone(),
            sandbox: Some(self.sandbox().id().clone()),
            context: self.runner.context_id(),
            language,
            status: verdict.status,
            exit_code: verdict.exit_code,
            stdout: taken.stdout,
            stderr: taken.stderr,
            results: taken.results,
            error: verdict.error,
            files: ended.files,
            truncated,
            usage: Usage {
                wall_ms: rounded(wall.as_secs_f64() * 1000.0),
                cpu_ms: rounded(cpu_ms),
                memory_peak_bytes,
            },
            findings: std::mem::take(&mut self.plan.findings),
            context_alive: verdict.context_alive,
            isolation: Some(self.sandbox().isolation_of(self.runner.inside(&life))),
        }
    }

    /// Gives the rest to the reader. The context is free for the next execution before the last event is there.
    async fn deliver(mut self, outcome: Outcome) {
        let mut kinds = Vec::new();
        while let Some(kind) = self.collected.next_event() {
            kinds.push(kind);
        }
        kinds.extend(outcome.error.clone().map(|error| EventKind::Error { error }));
        kinds.extend(outcome.files.iter().cloned().map(|file| EventKind::File { file }));
        kinds.push(EventKind::End { outcome: Box::new(outcome) });
        let events: Vec<Event> = kinds.into_iter().map(|kind| self.number(kind)).collect();
        let Drive { events: reader, runner, .. } = self;
        drop(runner);
        for event in events {
            if reader.send(event).await.is_err() {
                return;
            }
        }
    }
}

fn used_cpu_ms(before: &Measure, after: &Measure) -> Option<f64> {
    Some((after.cpu_ms? - before.cpu_ms?).max(0.0))
}

/// To whole microseconds: nobody measures finer, and nobody wants to read more digits.
fn rounded(ms: f64) -> f64 {
    (ms * 1000.0).round() / 1000.0
}

fn is_spill(path: &str) -> bool {
    let below = path.strip_prefix("/tmp/belljar/");
    path.len() <= SPILLED_BYTES_MAX && below.is_some_and(crate::collect::is_below)
}

#[cfg(test)]
mod tests {
    use super::rounded;

    #[test]
    fn times_have_three_decimals() {
        for (ms, text) in [(0.22899899999999998, "0.229"), (0.1 + 0.2, "0.3"), (12.0, "12"), (0.0004, "0")] {
            assert_eq!(rounded(ms).to_string(), text);
        }
    }
}
