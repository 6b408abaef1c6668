//! Contexts: a driver, its queue of executions, and its end. Starting one is `starting.rs`.
//!
//! A driver's frames are claims. One that does not fit the protocol costs the context its life; one that fits but
//! names another execution is not heard.

use crate::claims::{Claim, Room, is_object_of_strings};
use crate::driving::Driving;
use crate::executions::{Execution, Finishing, ended_unrun};
use crate::pipes::{Got, Stale, Stdin, drain, output_pipe, read_some};
use crate::processes::{self, Root};
use crate::readiness::{Interest, Ready};
use crate::settings::{Place, Settings};
use crate::watch::{Overrun, Watch};
use crate::wire::Host;
use protocol::driver::{DriverStatus, FromDriver, Raised, ToDriver};
use protocol::guest::{Caps, End, Exit, Reply, Stream, Streams, Transfer};
use protocol::{ContextId, ExecutionId, Wall};
use rustix::process::Signal;
use std::collections::{BTreeMap, VecDeque};
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::time::{Duration, Instant};

mod ending;
mod forking;

/// Executions that wait in a context.
const QUEUE_MAX: usize = 64;
/// Reads of a driver's socket in one turn.
const READS_MAX: usize = 4;
/// Payload of an error, in bytes.
const ERROR_BYTES_MAX: usize = 8 << 20;
/// A display's name, in bytes.
const DISPLAY_ID_BYTES_MAX: usize = 256;
/// A driver that closed its socket has this long to end by itself.
const CLOSED_GRACE: Duration = Duration::from_millis(100);
/// After a death: time for the last frames and for the news of how it died.
const DEATH_GRACE: Duration = Duration::from_millis(150);
/// After a death: time for the news of how it died, when it comes from the zygote.
const NEWS_GRACE: Duration = Duration::from_secs(1);
/// Time after which a context is over, whatever is known.
const ENDING_MAX: Duration = Duration::from_secs(3);
/// Exit code of an execution that was interrupted before it began.
const INTERRUPTED: i32 = 130;
/// What a driver tells of its forks, in bytes.
const FORK_REPORT_BYTES_MAX: usize = 128 << 10;
/// What a driver said on stderr before it was ready, in bytes.
const LAST_WORDS_BYTES: usize = 2 << 10;

/// What every part of the loop works with.
pub struct Ground {
    /// The host.
    pub host: Host,
    /// What the guest was started with.
    pub settings: Settings,
    /// What the sandbox uses, where no control group holds its limits.
    pub watch: Watch,
    /// Pipes that nobody listens to.
    pub stale: Stale,
    /// A buffer for reading.
    pub scratch: Vec<u8>,
    /// The time of this turn.
    pub now: Instant,
}

/// Why a context did not come up.
pub struct Failure {
    /// Fits after "cannot …".
    pub message: String,
    /// Error number, where there is one.
    pub errno: Option<i32>,
}

/// An execution that waits.
pub struct Queued {
    /// Its id.
    pub execution: ExecutionId,
    /// What is kept of its output.
    pub caps: Caps,
    /// Environment of it alone.
    pub env: BTreeMap<String, String>,
    /// What to run.
    pub code: Vec<u8>,
}

struct Ending {
    since: Instant,
    died_at: Option<Instant>,
    closed: bool,
    killed: bool,
}

/// A live interpreter.
pub struct Context {
    /// Its id.
    pub id: ContextId,
    /// Standard input of its code.
    pub stdin: Stdin,
    streams: Streams,
    driving: Driving,
    place: Rc<Place>,
    /// It comes from another context: its process id is what the kernel says, not what it says.
    branch: bool,
    /// It was asked to run something.
    used: bool,
    /// The transfer by which the host waits for forks of it.
    forking: Option<Transfer>,
    root: Option<Root>,
    pidfd: Option<OwnedFd>,
    /// The zygote forked it, and knows how it ends.
    forked: bool,
    ready: bool,
    stdout: Option<OwnedFd>,
    stderr: Option<OwnedFd>,
    idle_due: Instant,
    last_words: Vec<u8>,
    queue: VecDeque<Queued>,
    running: Option<Execution>,
    /// The driver knows of what runs.
    begun: bool,
    /// An interrupt waits until it does.
    interrupt_waits: bool,
    finishing: Option<Finishing>,
    ending: Option<Ending>,
    broken: bool,
    overrun: Option<Overrun>,
    exit: Option<Exit>,
    failure: Option<Failure>,
    /// Frames that belonged to no running execution.
    ignored: u64,
}

impl Context {
    /// A context that the zygote was asked for.
    pub fn forked(id: ContextId, driving: Driving, stdin: Stdin, ground: &Ground) -> Context {
        let (place, now) = (ground.settings.place.clone(), ground.now);
        Context {
            id,
            stdin,
            streams: Streams::PerExecution,
            driving,
            place,
            branch: false,
            used: false,
            forking: None,
            root: None,
            pidfd: None,
            forked: true,
            ready: false,
            stdout: None,
            stderr: None,
            idle_due: now,
            last_words: Vec::new(),
            queue: VecDeque::new(),
            running: None,
            begun: false,
            interrupt_waits: false,
            finishing: None,
            ending: None,
            broken: false,
            overrun: None,
            exit: None,
            failure: None,
            ignored: 0,
        }
    }

    /// Makes it a context that is a program of our own, with its output pipes.
    pub fn with_program(
        mut self,
        streams: Streams,
        child: jail::spawn::Child,
        output: [OwnedFd; 2],
    ) -> Context {
        let [stdout, stderr] = output;
        self.streams = streams;
        self.forked = false;
        self.root = Some(Root { pid: child.pid });
        self.pidfd = child.pidfd;
        self.stdout = Some(stdout);
        self.stderr = Some(stderr);
        self
    }

    /// True while it waits for the zygote.
    pub fn awaits_zygote(&self) -> bool {
        self.forked && !self.branch && self.root.is_none()
    }

    /// Its process, once known.
    pub fn pid(&self) -> Option<i32> {
        self.root.map(|root| root.pid)
    }

    /// Queues an execution.
    pub fn execute(&mut self, next: Queued, ground: &mut Ground) {
        self.used = true;
        if self.queue.len() < QUEUE_MAX {
            self.queue.push_back(next);
        }
        self.begin_next(ground);
    }

    /// SIGINT to its process group while it runs something; else what waits first ends without having run. A signal that
    /// comes before the driver knows what it runs would be lost: it is sent when that says so.
    pub fn interrupt(&mut self, ground: &mut Ground) {
        if self.running.is_some() && !self.begun {
            self.interrupt_waits = true;
        } else if self.running.is_some() {
            if let Some(root) = self.root {
                root.signal_group(Signal::INT);
            }
        } else if let Some(next) = self.queue.pop_front() {
            let end = End::Done { status: DriverStatus::Error, exit_code: INTERRUPTED };
            ended_unrun(next.execution, end, &mut ground.host);
        }
    }

    /// How its process ended.
    pub fn ended(&mut self, exit: Exit, now: Instant) {
        self.exit.get_or_insert(exit);
        self.die(now).died_at.get_or_insert(now);
    }

    /// It did not come up, or cannot go on.
    pub fn fail(&mut self, message: String, errno: Option<i32>, now: Instant) {
        self.failure.get_or_insert(Failure { message, errno });
        self.die(now);
    }

    /// The sandbox used more than it may: everything in it is killed.
    pub fn overran(&mut self, overrun: Overrun, now: Instant) {
        let (message, errno) = overrun.failure();
        self.overrun = Some(overrun);
        self.fail(message.to_owned(), Some(errno.raw_os_error()), now);
    }

    /// Kills it and what came from it. `alone`: nothing else runs in the sandbox.
    pub fn kill(&mut self, alone: bool, now: Instant) {
        self.die(now).killed = true;
        if alone && processes::kill_all() {
            return;
        }
        self.root.map(Root::kill);
        // By descriptor as well: a driver may have said a process id that is not its own.
        if let (Some(pidfd), false) = (&self.pidfd, self.dead()) {
            let _ = rustix::process::pidfd_send_signal(pidfd, Signal::KILL);
        }
    }

    fn die(&mut self, now: Instant) -> &mut Ending {
        self.ending.get_or_insert(Ending { since: now, died_at: None, closed: false, killed: false })
    }

    fn dead(&self) -> bool {
        self.ending.as_ref().is_some_and(|ending| ending.died_at.is_some())
    }

    fn closed(&self) -> bool {
        self.ending.as_ref().is_some_and(|ending| ending.closed)
    }

    /// What to wait for.
    pub fn interest<'a>(&'a self, ground: &Ground, wants: &mut Interest<'a>) {
        let listen = !ground.host.behind();
        if !self.closed() {
            self.driving.interest(listen, wants);
        }
        if let Some(pidfd) = self.pidfd.as_ref().filter(|_| !self.dead()) {
            wants.read(pidfd.as_fd());
        }
        self.stdin.interest(wants);
        if let Some(running) = &self.running {
            running.interest(wants);
        }
        if self.finishing.is_some() {
            wants.at(ground.now);
        }
        if self.ending.is_some() {
            wants.at(ground.now + Duration::from_millis(10));
        }
        let idle = self.running.is_none();
        for pipe in [&self.stdout, &self.stderr].into_iter().flatten() {
            match idle && ground.now < self.idle_due {
                true => wants.at(self.idle_due),
                false if idle || listen => wants.read(pipe.as_fd()),
                false => {}
            }
        }
    }

    /// One turn. True when the context is over and was reported.
    pub fn turn(&mut self, ready: &Ready, alone: bool, ground: &mut Ground) -> bool {
        if self.pidfd.as_ref().is_some_and(|pidfd| ready.has(pidfd)) && !self.dead() {
            self.notice_death(ground.now);
        }
        self.stdin.turn(ready);
        if let Some(bytes) = self.stdin.taken() {
            let context = Some(self.id.clone());
            ground.host.send(&Reply::StdinTaken { context, execution: None, bytes }, b"");
        }
        if !ground.host.behind() {
            self.read_output(ready, ground);
            if !self.closed() && (ready.has(self.driving.fd()) || self.dead()) {
                self.listen(alone, ground);
            }
        }
        if !self.closed() && !self.driving.flush() {
            self.die(ground.now).closed = true;
        }
        if let Some(running) = &mut self.running {
            running.send_due(ground.now, &mut ground.host);
        }
        if self.finishing.as_mut().is_some_and(|work| work.step(&self.place, &mut ground.scratch)) {
            if let Some(finished) = self.finishing.take() {
                finished.send(&mut ground.host);
            }
            self.begin_next(ground);
        }
        self.ending.is_some() && self.wind_up(alone, ground)
    }

    fn notice_death(&mut self, now: Instant) {
        let exit =
            self.pidfd.as_ref().filter(|_| !self.forked).and_then(|pidfd| processes::reap(pidfd.as_fd()));
        self.exit = self.exit.or(exit);
        self.die(now).died_at.get_or_insert(now);
    }

    fn read_output(&mut self, ready: &Ready, ground: &mut Ground) {
        for (stream, pipe) in [(Stream::Stdout, &mut self.stdout), (Stream::Stderr, &mut self.stderr)] {
            let Some(fd) = pipe.as_ref().filter(|fd| ready.has(fd)) else {
                continue;
            };
            match read_some(fd, &mut ground.scratch) {
                Got::Bytes(count) => match &mut self.running {
                    Some(running) => running.take(stream, &ground.scratch[..count]),
                    None => {
                        self.idle_due = ground.now + Duration::from_millis(10);
                        if !self.ready && stream == Stream::Stderr {
                            self.last_words.extend_from_slice(&ground.scratch[..count]);
                            let over = self.last_words.len().saturating_sub(LAST_WORDS_BYTES);
                            self.last_words.drain(..over);
                        }
                    }
                },
                Got::Nothing => {}
                Got::End => *pipe = None,
            }
        }
    }

    fn listen(&mut self, alone: bool, ground: &mut Ground) {
        for _ in 0..READS_MAX {
            match self.driving.read(&mut ground.scratch) {
                Got::Bytes(count) => self.driving.claims.push(&ground.scratch[..count]),
                Got::Nothing => return,
                Got::End => {
                    self.die(ground.now).closed = true;
                    return;
                }
            }
            loop {
                let running = &self.running;
                let heard = match self.driving.claims.next(|header| room(header, running)) {
                    Ok(None) => break,
                    Ok(Some(claim)) => self.hear(claim, ground),
                    Err(_) => false,
                };
                if !heard {
                    self.broken = true;
                    self.kill(alone, ground.now);
                    self.die(ground.now).closed = true;
                    return;
                }
            }
        }
    }

    /// Acts on a claim; false when no honest driver makes it.
    fn hear(&mut self, claim: Claim, ground: &mut Ground) -> bool {
        match (claim.header, claim.payload) {
            (FromDriver::Hello { pid, walls }, _) => !self.ready && self.come_up(pid, walls, ground),
            (FromDriver::Failed { step, errno }, _) => {
                self.fail(format!("enter the sandbox: {step}"), Some(errno), ground.now);
                !self.ready
            }
            _ if !self.ready => false,
            (FromDriver::Bundle { execution, main, display_id, update }, payload) => {
                let named = display_id.as_ref().is_none_or(|name| name.len() <= DISPLAY_ID_BYTES_MAX);
                let header = Reply::Bundle { execution: execution.clone(), main, display_id, update };
                named && self.hear_bundle(&execution, &header, payload, ground) && self.driving.acknowledge()
            }
            (FromDriver::Error { execution }, payload) => {
                self.hear_error(execution, payload, ground) && self.driving.acknowledge()
            }
            (FromDriver::Begun { execution }, _) => {
                if self.runs(&execution) {
                    self.begun = true;
                    if std::mem::take(&mut self.interrupt_waits) {
                        self.interrupt(ground);
                    }
                } else {
                    self.ignored += 1;
                }
                true
            }
            (FromDriver::Forked, payload) => self.hear_forked(payload, ground),
            (FromDriver::Done { execution, status, exit_code }, _) => {
                match self.runs(&execution) {
                    true => self.finish(End::Done { status, exit_code }, ground),
                    false => self.ignored += 1,
                }
                true
            }
        }
    }

    fn runs(&self, execution: &ExecutionId) -> bool {
        self.running.as_ref().is_some_and(|running| running.id == *execution)
    }

    fn come_up(&mut self, pid: i32, walls: Vec<Wall>, ground: &mut Ground) -> bool {
        if pid <= 1 || walls.len() > Wall::ALL.len() {
            return false;
        }
        if self.root.is_none() {
            // Said before any user code ran, so it is not a lie yet; but a fork has the memory of code that ran.
            let pid = match self.branch {
                true => self.driving.speaker().filter(|pid| *pid > 1),
                false => Some(pid),
            };
            let Some(pid) = pid else { return false };
            self.pidfd = processes::open(pid).ok();
            self.root = Some(Root { pid });
        }
        self.ready = true;
        if self.streams == Streams::PerExecution {
            ground.stale.add(self.stdout.take());
            ground.stale.add(self.stderr.take());
        }
        if self.ending.as_ref().is_some_and(|ending| ending.killed) {
            // It was given up while it was on its way.
            self.kill(false, ground.now);
            return true;
        }
        let pid = self.root.map_or(pid, |root| root.pid);
        ground.host.send(&Reply::ContextReady { context: self.id.clone(), pid, walls }, b"");
        self.begin_next(ground);
        true
    }

    fn hear_bundle(
        &mut self,
        execution: &ExecutionId,
        header: &Reply,
        payload: Option<Vec<u8>>,
        ground: &mut Ground,
    ) -> bool {
        if !self.runs(execution) {
            self.ignored += 1;
            return true;
        }
        if payload.as_ref().is_some_and(|payload| !is_object_of_strings(payload)) {
            return false;
        }
        self.catch_up(ground);
        let Some(running) = &mut self.running else {
            return true;
        };
        if running.count_bundle(payload.as_ref().map_or(usize::MAX, Vec::len)) {
            ground.host.send_owned(header, payload.unwrap_or_default());
        }
        true
    }

    fn hear_error(&mut self, execution: ExecutionId, payload: Option<Vec<u8>>, ground: &mut Ground) -> bool {
        if !self.runs(&execution) {
            self.ignored += 1;
            return true;
        }
        self.catch_up(ground);
        let Some(payload) = payload else {
            return true;
        };
        if serde_json::from_slice::<Raised>(&payload).is_err() {
            return false;
        }
        if self.running.as_mut().is_some_and(Execution::count_error) {
            ground.host.send_owned(&Reply::Raised { execution }, payload);
        }
        true
    }

    /// Sends all output that was written before this moment.
    fn catch_up(&mut self, ground: &mut Ground) {
        let Some(running) = &mut self.running else {
            return;
        };
        drain(&mut self.stdout, &mut ground.scratch, |bytes| running.take(Stream::Stdout, bytes));
        drain(&mut self.stderr, &mut ground.scratch, |bytes| running.take(Stream::Stderr, bytes));
        running.send(ground.now, &mut ground.host);
    }

    fn finish(&mut self, end: End, ground: &mut Ground) {
        self.catch_up(ground);
        ground.watch.look(&mut ground.host);
        let cpu_us = self.root.map_or(0, Root::cpu_us);
        if let Some(running) = self.running.take() {
            self.finishing = Some(running.finish(end, cpu_us, &self.place, &mut ground.host));
        }
        if self.streams == Streams::PerExecution {
            ground.stale.add(self.stdout.take());
            ground.stale.add(self.stderr.take());
        }
    }

    fn begin_next(&mut self, ground: &mut Ground) {
        let busy = self.running.is_some() || self.finishing.is_some() || self.ending.is_some();
        if self.forking.is_some() || busy || !self.ready {
            return;
        }
        let Some(next) = self.queue.pop_front() else {
            return;
        };
        let mut fds = Vec::new();
        if self.streams == Streams::PerExecution {
            match (output_pipe(), output_pipe()) {
                (Ok((stdout, stdout_end)), Ok((stderr, stderr_end))) => {
                    self.stdout = Some(stdout);
                    self.stderr = Some(stderr);
                    fds = vec![stdout_end, stderr_end];
                }
                (Err(errno), _) | (_, Err(errno)) => {
                    let why = format!("make a pipe: {errno}");
                    return self.fail(why, Some(errno.raw_os_error()), ground.now);
                }
            }
        } else {
            // What background processes wrote meanwhile belongs to nobody.
            drain(&mut self.stdout, &mut ground.scratch, |_| {});
            drain(&mut self.stderr, &mut ground.scratch, |_| {});
        }
        let cpu_us = self.root.map_or(0, Root::cpu_us);
        let order = ToDriver::Execute { execution: next.execution.clone(), env: next.env };
        (self.begun, self.interrupt_waits) = (false, false);
        self.running = Some(Execution::begin(next.execution, next.caps, cpu_us, &self.place));
        self.driving.execute(&order, &next.code, fds);
        if !self.driving.flush() {
            self.die(ground.now).closed = true;
        }
    }
}

fn room(header: &FromDriver, running: &Option<Execution>) -> Room {
    let runs = |id: &ExecutionId| running.as_ref().filter(|running| running.id == *id);
    match header {
        FromDriver::Hello { .. }
        | FromDriver::Failed { .. }
        | FromDriver::Begun { .. }
        | FromDriver::Done { .. } => Room::Nothing,
        FromDriver::Forked => Room::UpTo(FORK_REPORT_BYTES_MAX),
        FromDriver::Bundle { execution, .. } => Room::UpTo(runs(execution).map_or(0, Execution::bundle_room)),
        FromDriver::Error { execution } => Room::UpTo(runs(execution).map_or(0, |_| ERROR_BYTES_MAX)),
    }
}
