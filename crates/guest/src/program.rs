//! A program that was started: its process, its standard streams, its end. What becomes of its output is left to
//! commands and to processes that somebody follows.

use crate::contexts::Ground;
use crate::pipes::{Stdin, output_pipe};
use crate::processes::{self, Root};
use crate::readiness::{Interest, Ready};
use crate::watch::Overrun;
use protocol::ExecutionId;
use protocol::guest::{End, Exit, Reply, WindowSize};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::io::Error;
use std::os::fd::{AsFd, OwnedFd};

/// What to run.
pub struct Wanted {
    /// Its id.
    pub id: ExecutionId,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Working directory.
    pub cwd: String,
    /// Environment on top of the sandbox's own.
    pub env: BTreeMap<String, String>,
    /// Whether standard input will come.
    pub stdin: bool,
    /// A terminal for all three streams.
    pub tty: Option<WindowSize>,
}

/// A program; where it could not be started, one without a process.
#[derive(Default)]
pub struct Program {
    /// Its standard input.
    pub stdin: Stdin,
    /// Its output, or what its terminal shows.
    pub stdout: Option<OwnedFd>,
    /// Its errors, where it has no terminal.
    pub stderr: Option<OwnedFd>,
    child: Option<jail::spawn::Child>,
    exit: Option<Exit>,
    overrun: Option<Overrun>,
}

/// The sandbox's ends of a program's streams, and the program's.
struct Streams {
    stdin: Stdin,
    stdout: OwnedFd,
    stderr: Option<OwnedFd>,
    theirs: [OwnedFd; 3],
}

impl Streams {
    fn pipes(stdin: bool) -> Result<Streams, Error> {
        let (stdin, reading) = Stdin::new(stdin)?;
        let (stdout, stdout_end) = output_pipe()?;
        let (stderr, stderr_end) = output_pipe()?;
        Ok(Streams { stdin, stdout, stderr: Some(stderr), theirs: [reading, stdout_end, stderr_end] })
    }

    fn terminal(size: WindowSize) -> Result<Streams, Error> {
        let terminal = jail::terminal::Terminal::open(size)?;
        let stdin = Stdin::terminal(terminal.outer.try_clone()?);
        let theirs = [terminal.inner.try_clone()?, terminal.inner.try_clone()?, terminal.inner];
        Ok(Streams { stdin, stdout: terminal.outer, stderr: None, theirs })
    }
}

impl Program {
    /// Starts it.
    pub fn start(wanted: &Wanted, ground: &Ground) -> Result<Program, Error> {
        let Streams { stdin, stdout, stderr, theirs } = match wanted.tty {
            Some(size) => Streams::terminal(size)?,
            None => Streams::pipes(wanted.stdin)?,
        };
        let [input, output, errors] = &theirs;
        let spawn = jail::spawn::Spawn {
            argv: &wanted.argv,
            env: &ground.settings.env_with(&wanted.env),
            cwd: &wanted.cwd,
            stdio: [input.as_fd(), output.as_fd(), errors.as_fd()],
            extra: None,
            join: &ground.settings.join,
            rlimits: &ground.settings.rlimits,
            tty: wanted.tty.is_some(),
        };
        let child = Some(jail::spawn::spawn(&spawn)?);
        Ok(Program { stdin, stdout: Some(stdout), stderr, child, ..Program::default() })
    }

    /// Its process, until that has ended: the number is another's then.
    pub fn pid(&self) -> Option<i32> {
        self.child.as_ref().filter(|_| self.exit.is_none()).map(|child| child.pid)
    }

    /// A signal to its process group; SIGKILL to everything that came from it.
    pub fn signal(&self, signal: i32) {
        let root = self.pid().map(|pid| Root { pid });
        if let (Some(root), Some(signal)) = (root, Signal::from_named_raw(signal)) {
            match signal {
                Signal::KILL => drop(root.kill()),
                signal => root.signal_group(signal),
            }
        }
    }

    /// The sandbox used more than it may: everything in it is killed.
    pub fn overran(&mut self, overrun: Overrun) {
        self.overrun = Some(overrun);
    }

    /// How its process ended.
    pub fn ended(&mut self, exit: Exit) {
        self.exit.get_or_insert(exit);
    }

    /// Whether its process has ended.
    pub fn has_ended(&self) -> bool {
        self.exit.is_some()
    }

    /// How the end of its process is told.
    pub fn end(&self, exit: Exit) -> End {
        self.overrun.map_or(End::Exited(exit), Overrun::end)
    }

    /// What to wait for, its output left aside.
    pub fn interest<'a>(&'a self, wants: &mut Interest<'a>) {
        // Without such a descriptor its end comes with the signal that tells of children.
        if let Some(pidfd) =
            self.child.as_ref().filter(|_| self.exit.is_none()).and_then(|child| child.pidfd.as_ref())
        {
            wants.read(pidfd.as_fd());
        }
        self.stdin.interest(wants);
    }

    /// Feeds standard input.
    pub fn feed(&mut self, id: &ExecutionId, ready: &Ready, ground: &mut Ground) {
        self.stdin.turn(ready);
        if let Some(bytes) = self.stdin.taken() {
            let execution = Some(id.clone());
            ground.host.send(&Reply::StdinTaken { context: None, execution, bytes }, b"");
        }
    }

    /// How its process ended, once it has, and the CPU time that it used if that is still known, in microseconds.
    pub fn notice_end(&mut self, ready: &Ready) -> Option<(Exit, u64)> {
        let child = self.child.as_ref()?;
        let mut cpu_us = 0;
        if let Some(pidfd) = child.pidfd.as_ref().filter(|pidfd| self.exit.is_none() && ready.has(pidfd)) {
            cpu_us = Root { pid: child.pid }.cpu_us();
            self.exit = processes::reap(pidfd.as_fd());
        }
        self.exit.map(|exit| (exit, cpu_us))
    }
}
