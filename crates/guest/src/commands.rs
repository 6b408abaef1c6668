//! Commands: one program each, from its start to the report of its end.

use crate::contexts::Ground;
use crate::executions::{Execution, Finishing};
use crate::pipes::{Got, drain, read_some};
use crate::program::{Program, Wanted};
use crate::readiness::{Interest, Ready};
use crate::starting::{errno_of, plain};
use protocol::ExecutionId;
use protocol::guest::{Caps, Exit, Stream};
use rustix::io::Errno;
use std::os::fd::AsFd;

/// A running command.
pub struct Command {
    /// Its id.
    pub id: ExecutionId,
    /// Its program.
    pub program: Program,
    running: Option<Execution>,
    finishing: Option<Finishing>,
}

impl Command {
    /// Starts a program. One that cannot be started ends at once, as a shell would tell it.
    pub fn start(wanted: Wanted, caps: Caps, ground: &mut Ground) -> Command {
        let running = Some(Execution::begin(wanted.id.clone(), caps, 0, &ground.settings.place));
        let (program, failure) = match Program::start(&wanted, ground) {
            Ok(program) => (program, None),
            Err(error) => (Program::default(), Some(error)),
        };
        let mut command = Command { id: wanted.id, program, running, finishing: None };
        if let Some(error) = failure {
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

    /// What to wait for.
    pub fn interest<'a>(&'a self, ground: &Ground, wants: &mut Interest<'a>) {
        self.program.interest(wants);
        if let Some(running) = &self.running {
            running.interest(wants);
        }
        if self.finishing.is_some() || self.program.has_ended() {
            wants.at(ground.now);
        }
        if !ground.host.behind() {
            let pipes = [&self.program.stdout, &self.program.stderr];
            pipes.into_iter().flatten().for_each(|pipe| wants.read(pipe.as_fd()));
        }
    }

    /// One turn. True when the command is over and was reported.
    pub fn turn(&mut self, ready: &Ready, ground: &mut Ground) -> bool {
        self.program.feed(&self.id, ready, ground);
        if !ground.host.behind() {
            self.read_output(ready, ground);
        }
        if let Some(running) = &mut self.running {
            running.send_due(ground.now, &mut ground.host);
            if let Some((exit, cpu_us)) = self.program.notice_end(ready) {
                self.finish(exit, cpu_us, ground);
            }
        }
        if self.finishing.as_mut().is_some_and(|work| work.step(&ground.settings.place, &mut ground.scratch))
        {
            if let Some(finished) = self.finishing.take() {
                finished.send(&mut ground.host);
            }
            return true;
        }
        false
    }

    fn read_output(&mut self, ready: &Ready, ground: &mut Ground) {
        for (stream, pipe) in
            [(Stream::Stdout, &mut self.program.stdout), (Stream::Stderr, &mut self.program.stderr)]
        {
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
        let program = &mut self.program;
        drain(&mut program.stdout, &mut ground.scratch, |bytes| running.take(Stream::Stdout, bytes));
        drain(&mut program.stderr, &mut ground.scratch, |bytes| running.take(Stream::Stderr, bytes));
        for pipe in [&mut program.stdout, &mut program.stderr] {
            ground.stale.add(pipe.take());
        }
        program.ended(exit);
        ground.watch.look(&mut ground.host);
        let end = program.end(exit);
        self.finishing = Some(running.finish(end, cpu_us, &ground.settings.place, &mut ground.host));
    }
}
