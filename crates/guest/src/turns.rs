//! The loop: wait, hear the host, let every part have its turn, write to the host.

use crate::attached::Attached;
use crate::commands::Command;
use crate::connections::Connection;
use crate::contexts::{Context, Ground};
use crate::files::Transfers;
use crate::paths::Roots;
use crate::pipes::Stale;
use crate::processes;
use crate::program::Program;
use crate::readiness::{Interest, Ready};
use crate::settings::{self, SettingsError};
use crate::watch::{Overrun, Watch};
use crate::watching::Watching;
use crate::wire::HostError;
use crate::zygote::Zygote;
use protocol::guest::{Exit, Reply, VERSION};
use protocol::zygote::ForkReply;
use rustix::io::Errno;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

/// The buffer for reading, in bytes: as much as a pipe holds.
const SCRATCH_BYTES: usize = 64 << 10;

/// Why the guest could not start, or could not go on.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Wrong settings.
    #[error("start: {0}")]
    Settings(#[from] SettingsError),
    /// A system call that must not fail.
    #[error("go on: {0}")]
    System(#[from] Errno),
    /// The host spoke another protocol.
    #[error("go on: {0}")]
    Host(HostError),
}

/// The whole guest.
pub struct Guest {
    /// What every part works with.
    pub ground: Ground,
    /// Live contexts.
    pub contexts: Vec<Context>,
    /// Running commands.
    pub commands: Vec<Command>,
    /// Processes that somebody follows.
    pub processes: Vec<Attached>,
    /// Connections to servers inside.
    pub connections: Vec<Connection>,
    /// File operations under way.
    pub transfers: Transfers,
    /// Directories that are watched.
    pub watches: Vec<Watching>,
    /// The zygote.
    pub zygote: Zygote,
    /// Processes that stand still because the host wants it.
    pub stopped: Vec<i32>,
    children: OwnedFd,
}

/// Runs as pid 1 of a sandbox until the host goes away; then everything in the sandbox is killed.
pub fn init() -> Result<(), StartError> {
    let (settings, mut host, zygote) = settings::read()?;
    let walls = crate::walls::verified(&settings.ns);
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    host.send(&Reply::Ready { version: VERSION, walls }, b"");
    if let Some(view) = &settings.processes {
        processes::look_through(view.as_fd());
    }
    let roots = Roots::open(&settings)?;
    let mut guest = Guest {
        ground: Ground {
            host,
            watch: Watch::new(settings.memory_bytes_max, settings.pids_max),
            settings,
            stale: Stale::default(),
            scratch: vec![0; SCRATCH_BYTES],
            now: Instant::now(),
        },
        contexts: Vec::new(),
        commands: Vec::new(),
        processes: Vec::new(),
        connections: Vec::new(),
        transfers: Transfers::new(roots),
        watches: Vec::new(),
        zygote,
        stopped: Vec::new(),
        children: jail::child_signals()?,
    };
    let end = guest.run();
    guest.kill_everything();
    match end {
        StartError::Host(HostError::Ended | HostError::Stream(_)) => Ok(()),
        other => Err(other),
    }
}

impl Guest {
    fn run(&mut self) -> StartError {
        loop {
            if let Err(error) = self.ground.host.flush() {
                return StartError::Host(error);
            }
            let ready = match self.wait() {
                Ok(ready) => ready,
                Err(errno) => return errno.into(),
            };
            self.ground.now = Instant::now();
            if let Err(error) = self.hear_host(&ready) {
                return StartError::Host(error);
            }
            self.hear_zygote(&ready);
            self.watch_limits();
            self.turn(&ready);
        }
    }

    fn wait(&self) -> Result<Ready, Errno> {
        let mut wants = Interest::default();
        self.ground.host.interest(&mut wants);
        wants.read(self.children.as_fd());
        self.zygote.interest(&mut wants);
        self.ground.watch.interest(&mut wants);
        self.ground.stale.interest(self.ground.now, &mut wants);
        self.contexts.iter().for_each(|context| context.interest(&self.ground, &mut wants));
        self.commands.iter().for_each(|command| command.interest(&self.ground, &mut wants));
        self.processes.iter().for_each(|process| process.interest(&self.ground, &mut wants));
        self.connections.iter().for_each(|connection| connection.interest(&self.ground, &mut wants));
        self.watches.iter().for_each(|watch| watch.interest(&self.ground, &mut wants));
        if self.transfers.runnable() && !self.ground.host.behind() {
            wants.at(self.ground.now);
        }
        wants.wait()
    }

    fn hear_host(&mut self, ready: &Ready) -> Result<(), HostError> {
        if ready.has(self.ground.host.fd()) {
            self.ground.host.receive(&mut self.ground.scratch)?;
        }
        while let Some(frame) = self.ground.host.request()? {
            self.request(frame.header, frame.payload)?;
        }
        Ok(())
    }

    fn hear_zygote(&mut self, ready: &Ready) {
        if !self.zygote.fd().is_some_and(|fd| ready.has(fd)) {
            return;
        }
        let now = self.ground.now;
        let (replies, there) = self.zygote.replies();
        for reply in replies {
            match reply {
                ForkReply::Forked { .. } => {}
                ForkReply::ForkFailed { context, errno, message } => {
                    if let Some(context) = self.contexts.iter_mut().find(|has| has.id == context) {
                        context.fail(message, (errno != 0).then_some(errno), now);
                    }
                }
                ForkReply::Exited { context, status } => {
                    if let Some(context) = self.contexts.iter_mut().find(|has| has.id == context) {
                        context.ended(processes::exit_of_raw(status), now);
                    }
                }
            }
        }
        if !there {
            let why = self.zygote.last_words();
            let again = self.zygote.ask_again(&self.ground.settings.rlimits);
            let waits = |context: &&mut Context| context.awaits_zygote() && !again.contains(&context.id);
            for context in self.contexts.iter_mut().filter(waits) {
                context.fail(format!("fork the zygote: {why}"), None, now);
            }
        }
    }

    /// Kills everything when the sandbox uses more than it may; where that is memory, states that only rest go first.
    fn watch_limits(&mut self) {
        let now = self.ground.now;
        if let Some(overrun) = self.ground.watch.overrun(now, &mut self.ground.host) {
            if overrun == Overrun::Memory && self.give_way() {
                return;
            }
            self.contexts.iter_mut().for_each(|context| context.overran(overrun, now));
            self.programs().for_each(|program| program.overran(overrun));
            self.kill_everything();
        }
    }

    /// Kills the older half of the states that rest, and has the watch look again soon; false where there are none.
    fn give_way(&mut self) -> bool {
        let now = self.ground.now;
        let resting: Vec<_> = self.contexts.iter_mut().filter(|context| context.rests()).collect();
        let gone = resting.len().div_ceil(2);
        resting.into_iter().take(gone).for_each(|context| context.overran(Overrun::Memory, now));
        if gone > 0 {
            self.ground.watch.look_soon(now);
        }
        gone > 0
    }

    fn turn(&mut self, ready: &Ready) {
        let lone_context = self.has_one_context();
        let ground = &mut self.ground;
        self.contexts.retain_mut(|context| !context.turn(ready, lone_context, ground));
        self.commands.retain_mut(|command| !command.turn(ready, ground));
        self.processes.retain_mut(|process| !process.turn(ready, ground));
        self.connections.retain_mut(|connection| !connection.turn(ready, ground));
        self.watches.retain_mut(|watch| !watch.turn(ready, ground));
        ground.stale.turn(ready, ground.now, &mut ground.scratch);
        if !ground.host.behind() {
            self.transfers.turn(ground);
        }
        if ready.has(&self.children) {
            self.reap();
        }
    }

    fn reap(&mut self) {
        while rustix::io::read(&self.children, &mut self.ground.scratch).is_ok_and(|count| count > 0) {}
        while let Some((pid, exit)) = processes::reap_any() {
            self.child_ended(pid, exit);
        }
    }

    fn child_ended(&mut self, pid: i32, exit: Exit) {
        let now = self.ground.now;
        if let Some(context) = self.contexts.iter_mut().find(|context| context.pid() == Some(pid)) {
            context.ended(exit, now);
        }
        if let Some(program) = self.programs().find(|program| program.pid() == Some(pid)) {
            program.ended(exit);
        }
    }

    fn kill_everything(&mut self) {
        if processes::kill_all() {
            return;
        }
        for context in &mut self.contexts {
            context.kill(false, self.ground.now);
        }
        for pid in self.programs().filter_map(|program| program.pid()) {
            processes::Root { pid }.kill();
        }
    }

    /// True when a context, and nothing else, lives in the sandbox.
    pub fn has_one_context(&self) -> bool {
        self.contexts.len() == 1 && self.commands.is_empty() && self.processes.is_empty()
    }

    /// Programs of commands and processes.
    fn programs(&mut self) -> impl Iterator<Item = &mut Program> {
        let commands = self.commands.iter_mut().map(|command| &mut command.program);
        commands.chain(self.processes.iter_mut().map(|process| &mut process.program))
    }
}
