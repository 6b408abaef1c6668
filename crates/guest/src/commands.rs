//! Commands: one program each, from its start to the report of its end.

use crate::contexts::Ground;
use crate::executions::{Execution, Finishing};
use crate::pipes::{Got, Stdin, drain, output_pipe, read_some};
use crate::processes::{self, Root};
use crate::readiness::{Interest, Ready};
use crate::starting::{errno_of, plain};
use crate::watch::Overrun;
use protocol::ExecutionId;
use protocol::guest::{Caps, End, Exit, Reply, Stream};
use rustix::io::Errno;
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::io::Error;
use std::os::fd::{AsFd, OwnedFd};

/// What to run.
pub struct Wanted {
    /// Its id.
    pub execution: ExecutionId,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Working directory.
    pub cwd: String,
    /// Environment on top of the sandbox's own.
    pub env: BTreeMap<String, String>,
    /// Whether standard input will come.
    pub stdin: bool,
    /// What is kept of its output.
    pub caps: Caps,
}

/// A running command.
pub struct Command {
    /// Its id.
    pub id: ExecutionId,
    /// Its standard input.
    pub stdin: Stdin,
    child: Option<jail::spawn::Child>,
    stdout: Option<OwnedFd>,
    stderr: Option<OwnedFd>,
    running: Option<Execution>,
    finishing: Option<Finishing>,
    exit: Option<Exit>,
    overrun: Option<Overrun>,
}

impl Command {
    /// Starts a program. One that cannot be started ends at once, as a shell would tell it.
    pub fn start(wanted: Wanted, ground: &mut Ground) -> Command {
        let running = Execution::begin(wanted.execution.clone(), wanted.caps, 0, &ground.settings);
        let mut command = Command {
            id: wanted.execution.clone(),
            stdin: Stdin::default(),
            child: None,
            stdout: None,
            stderr: None,
            running: Some(running),
            finishing: None,
            exit: None,
            overrun: None,
        };
        if let Err(error) = command.spawn(&wanted, ground) {
            let code = if errno_of(&error) == Some(Errno::NOENT.raw_os_error()) { 127 } else { 126 };
            let program = wanted.argv.first().map_or("", String::as_str);
            let text = format!("cannot start {program}: {}\n", plain(&error));
            if let Some(running) = &mut command.running {
                running.take(Stream::Stderr, text.as_bytes());
            }
            command.finish(Exit::Code(code), 0, ground);
        }
        command
    }

    fn spawn(&mut self, wanted: &Wanted, ground: &Ground) -> Result<(), Error> {
        let (stdin, reading) = Stdin::new(wanted.stdin)?;
        let (stdout, stdout_end) = output_pipe()?;
        let (stderr, stderr_end) = output_pipe()?;
        let env = ground.settings.env_with(&wanted.env);
        let spawn = jail::spawn::Spawn {
            argv: &wanted.argv,
            env: &env,
            cwd: &wanted.cwd,
            stdio: [reading.as_fd(), stdout_end.as_fd(), stderr_end.as_fd()],
            extra: None,
            join: &ground.settings.join,
            rlimits: &ground.settings.rlimits,
            tty: false,
        };
        self.child = Some(jail::spawn::spawn(&spawn)?);
        self.stdin = stdin;
        self.stdout = Some(stdout);
        self.stderr = Some(stderr);
        Ok(())
    }

    /// Its process.
    pub fn pid(&self) -> Option<i32> {
        self.child.as_ref().map(|child| child.pid)
    }

    /// A signal to its process group; SIGKILL to everything that came from it.
    pub fn signal(&self, signal: i32) {
        let root = self.pid().filter(|_| self.exit.is_none()).map(|pid| Root { pid });
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

    /// What to wait for.
    pub fn interest<'a>(&'a self, ground: &Ground, wants: &mut Interest<'a>) {
        // Without such a descriptor its end comes with the signal that tells of children.
        if let Some(pidfd) =
            self.child.as_ref().filter(|_| self.exit.is_none()).and_then(|child| child.pidfd.as_ref())
        {
            wants.read(pidfd.as_fd());
        }
        self.stdin.interest(wants);
        if let Some(running) = &self.running {
            running.interest(wants);
        }
        if self.finishing.is_some() || self.exit.is_some() {
            wants.at(ground.now);
        }
        if !ground.host.behind() {
            [&self.stdout, &self.stderr].into_iter().flatten().for_each(|pipe| wants.read(pipe.as_fd()));
        }
    }

    /// One turn. True when the command is over and was reported.
    pub fn turn(&mut self, ready: &Ready, ground: &mut Ground) -> bool {
        self.stdin.turn(ready);
        if let Some(bytes) = self.stdin.taken() {
            let execution = Some(self.id.clone());
            ground.host.send(&Reply::StdinTaken { context: None, execution, bytes }, b"");
        }
        if !ground.host.behind() {
            self.read_output(ready, ground);
        }
        if let Some(running) = &mut self.running {
            running.send_due(ground.now, &mut ground.host);
        }
        self.notice_end(ready, ground);
        if self.finishing.as_mut().is_some_and(|work| work.step(&ground.settings, &mut ground.scratch)) {
            if let Some(finished) = self.finishing.take() {
                finished.send(&mut ground.host);
            }
            return true;
        }
        false
    }

    fn notice_end(&mut self, ready: &Ready, ground: &mut Ground) {
        let (Some(child), true) = (&self.child, self.running.is_some()) else {
            return;
        };
        let root = Root { pid: child.pid };
        let mut cpu_us = 0;
        if let Some(pidfd) = child.pidfd.as_ref().filter(|pidfd| self.exit.is_none() && ready.has(pidfd)) {
            cpu_us = root.cpu_us();
            self.exit = processes::reap(pidfd.as_fd());
        }
        if let Some(exit) = self.exit {
            self.finish(exit, cpu_us, ground);
        }
    }

    fn read_output(&mut self, ready: &Ready, ground: &mut Ground) {
        for (stream, pipe) in [(Stream::Stdout, &mut self.stdout), (Stream::Stderr, &mut self.stderr)] {
            let Some(fd) = pipe.as_ref().filter(|fd| ready.has(fd)) else {
                continue;
            };
            match (read_some(fd, &mut ground.scratch), &mut self.running) {
                (Got::Bytes(count), Some(running)) => running.take(stream, &ground.scratch[..count]),
                (Got::End, _) => *pipe = None,
                _ => {}
            }
        }
    }

    fn finish(&mut self, exit: Exit, cpu_us: u64, ground: &mut Ground) {
        let Some(mut running) = self.running.take() else {
            return;
        };
        drain(&mut self.stdout, &mut ground.scratch, |bytes| running.take(Stream::Stdout, bytes));
        drain(&mut self.stderr, &mut ground.scratch, |bytes| running.take(Stream::Stderr, bytes));
        for pipe in [&mut self.stdout, &mut self.stderr] {
            ground.stale.add(pipe.take());
        }
        self.exit = Some(exit);
        ground.watch.look(&mut ground.host);
        let end = self.overrun.map_or(End::Exited(exit), Overrun::end);
        self.finishing = Some(running.finish(end, cpu_us, &ground.settings, &mut ground.host));
    }
}
