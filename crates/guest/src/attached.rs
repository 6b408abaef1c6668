//! Processes that somebody follows: all of their output goes out, no faster than it is taken, and a process that writes
//! more waits as at any pipe.

use crate::contexts::Ground;
use crate::pipes::{Got, read_some};
use crate::processes::Root;
use crate::program::{Program, Wanted};
use crate::readiness::{Interest, Ready};
use crate::starting::{errno_of, plain};
use protocol::ExecutionId;
use protocol::guest::{End, OUTPUT_WINDOW_BYTES, Reply, Stream, WindowSize};
use rustix::io::Errno;
use rustix::process::Signal;
use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

/// Output in one frame, in bytes.
const PIECE_BYTES: u64 = 32 << 10;
/// More than a terminal of any kernel holds, in bytes. How much it does hold, it does not tell.
const TERMINAL_BYTES: u64 = 4 << 20;

/// A process and who follows it.
pub struct Attached {
    /// Its id.
    pub id: ExecutionId,
    /// Its program.
    pub program: Program,
    has_terminal: bool,
    /// Bytes that were sent and not taken yet.
    ahead: u64,
    rest: Option<Rest>,
}

/// What an ended process leaves to be sent: children of it may write to its pipes for ever.
struct Rest {
    end: End,
    stdout_bytes: u64,
    stderr_bytes: u64,
}

impl Attached {
    /// Starts a process and says so; `None` where it could not be started, which is said as well.
    pub fn start(wanted: Wanted, ground: &mut Ground) -> Option<Attached> {
        let process = wanted.id.clone();
        let error = match Program::start(&wanted, ground) {
            Ok(program) => {
                let pid = program.pid().and_then(|pid| u32::try_from(pid).ok()).unwrap_or_default();
                ground.host.send(&Reply::ProcessStarted { process, pid }, b"");
                let (id, has_terminal) = (wanted.id, wanted.tty.is_some());
                return Some(Attached { id, program, has_terminal, ahead: 0, rest: None });
            }
            Err(error) => error,
        };
        let errno = errno_of(&error).unwrap_or(Errno::IO.raw_os_error());
        // The same error number tells of a program and of a directory.
        let cwd = protocol::path::to_bytes(&wanted.cwd);
        let what = match std::fs::metadata(OsStr::from_bytes(&cwd)) {
            Ok(found) if found.is_dir() => {
                format!("start {}", wanted.argv.first().map_or("", String::as_str))
            }
            _ => format!("begin in {}", wanted.cwd),
        };
        let message = format!("{what}: {}", plain(&error));
        ground.host.send(&Reply::ProcessFailed { process, errno, message }, b"");
        None
    }

    /// The host took output.
    pub fn taken(&mut self, bytes: u64) {
        self.ahead = self.ahead.saturating_sub(bytes);
    }

    /// Sets the size of its terminal, if it has one.
    pub fn resize(&self, size: WindowSize) {
        if let Some(terminal) = self.program.stdout.as_ref().filter(|_| self.has_terminal) {
            let _ = jail::terminal::resize(terminal.as_fd(), size);
            // Not every kernel says so itself, and hearing it twice harms nobody.
            let group = rustix::termios::tcgetpgrp(terminal).map(|group| group.as_raw_pid());
            if let Some(pid) = group.ok().filter(|group| *group > 1).or(self.program.pid()) {
                Root { pid }.signal_group(Signal::WINCH);
            }
        }
    }

    fn room(&self, ground: &Ground) -> u64 {
        if ground.host.behind() { 0 } else { OUTPUT_WINDOW_BYTES.saturating_sub(self.ahead) }
    }

    /// What to wait for.
    pub fn interest<'a>(&'a self, ground: &Ground, wants: &mut Interest<'a>) {
        self.program.interest(wants);
        let room = self.room(ground) > 0;
        if self.program.has_ended() && (room || self.rest.is_none()) {
            wants.at(ground.now);
        }
        if room && self.rest.is_none() {
            let streams = [&self.program.stdout, &self.program.stderr];
            streams.into_iter().flatten().for_each(|stream| wants.read(stream.as_fd()));
        }
    }

    /// One turn. True when the process is over and that was said.
    pub fn turn(&mut self, ready: &Ready, ground: &mut Ground) -> bool {
        self.program.feed(&self.id, ready, ground);
        if self.rest.is_none()
            && let Some((exit, _)) = self.program.notice_end(ready)
        {
            ground.watch.look(&mut ground.host);
            self.rest = Some(Rest {
                end: self.program.end(exit),
                stdout_bytes: self.held(&self.program.stdout),
                stderr_bytes: self.held(&self.program.stderr),
            });
        }
        if self.rest.is_some() {
            return self.send_rest(ground);
        }
        for stream in [Stream::Stdout, Stream::Stderr] {
            if self.stream(stream).as_ref().is_some_and(|fd| ready.has(fd)) {
                self.pass_on(stream, PIECE_BYTES, ground);
            }
        }
        false
    }

    /// Bytes that lie in a stream now, or more.
    fn held(&self, stream: &Option<OwnedFd>) -> u64 {
        match stream {
            None => 0,
            Some(_) if self.has_terminal => TERMINAL_BYTES,
            Some(pipe) => rustix::io::ioctl_fionread(pipe).unwrap_or(PIECE_BYTES),
        }
    }

    fn stream(&mut self, stream: Stream) -> &mut Option<OwnedFd> {
        match stream {
            Stream::Stdout => &mut self.program.stdout,
            Stream::Stderr => &mut self.program.stderr,
        }
    }

    /// Reads once and sends that; how many bytes there were, `None` where there are none now.
    fn pass_on(&mut self, stream: Stream, most: u64, ground: &mut Ground) -> Option<u64> {
        let most = most.min(PIECE_BYTES).min(self.room(ground)) as usize;
        let fd = self.stream(stream).as_ref().filter(|_| most > 0)?;
        match read_some(fd, &mut ground.scratch[..most]) {
            Got::Bytes(count) => {
                let process = self.id.clone();
                ground.host.send(&Reply::ProcessOutput { process, stream }, &ground.scratch[..count]);
                self.ahead += count as u64;
                Some(count as u64)
            }
            Got::Nothing => None,
            Got::End => {
                *self.stream(stream) = None;
                None
            }
        }
    }

    /// Sends what lay in the streams at the end, as far as there is room; true when all was said.
    fn send_rest(&mut self, ground: &mut Ground) -> bool {
        let Some(mut rest) = self.rest.take() else {
            return false;
        };
        for (stream, left) in
            [(Stream::Stdout, &mut rest.stdout_bytes), (Stream::Stderr, &mut rest.stderr_bytes)]
        {
            while *left > 0 && self.room(ground) > 0 {
                match self.pass_on(stream, *left, ground) {
                    Some(count) => *left -= count,
                    None => *left = 0,
                }
            }
        }
        if rest.stdout_bytes > 0 || rest.stderr_bytes > 0 {
            self.rest = Some(rest);
            return false;
        }
        ground.host.send(&Reply::ProcessEnded { process: self.id.clone(), end: rest.end }, b"");
        self.release(ground);
        true
    }

    /// Nobody follows it any more. Its end is reaped with that of every child.
    pub fn abandon(&mut self, ground: &mut Ground) {
        self.program.signal(Signal::KILL.as_raw());
        self.release(ground);
    }

    /// Children that were left behind may go on writing; a terminal hangs up.
    fn release(&mut self, ground: &mut Ground) {
        if !self.has_terminal {
            ground.stale.add(self.program.stdout.take());
            ground.stale.add(self.program.stderr.take());
        }
    }
}
