//! Pipes of user code: reading output, discarding what nobody wants any more, feeding standard input.

use crate::readiness::{Interest, Ready};
use protocol::guest::STDIN_BYTES_MAX;
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

/// Pipes of ended executions that are kept open.
const STALE_MAX: usize = 64;
/// How often what nobody wants is read: writers get no SIGPIPE, and no share of the guest's time either.
const STALE_EVERY: Duration = Duration::from_millis(10);
/// Reads of one pipe before a frame is let through: as much as a pipe can hold.
const DRAIN_READS_MAX: usize = 17;

/// What a read found.
pub enum Got {
    /// So many bytes.
    Bytes(usize),
    /// Nothing now.
    Nothing,
    /// Nothing ever again.
    End,
}

/// Reads what is there.
pub fn read_some(fd: impl AsFd, scratch: &mut [u8]) -> Got {
    loop {
        match rustix::io::read(&fd, &mut *scratch) {
            Ok(0) => return Got::End,
            Ok(count) => return Got::Bytes(count),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Got::Nothing,
            Err(_) => return Got::End,
        }
    }
}

/// A pipe whose reading end never blocks: (reading end, writing end).
pub fn output_pipe() -> Result<(OwnedFd, OwnedFd), Errno> {
    let (reading, writing) = pipe_with(PipeFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(&reading, true)?;
    Ok((reading, writing))
}

/// Reads all that a pipe held when this began (or a little more). Closes it at its end.
pub fn drain(pipe: &mut Option<OwnedFd>, scratch: &mut [u8], mut take: impl FnMut(&[u8])) {
    for _ in 0..DRAIN_READS_MAX {
        let Some(fd) = &pipe else {
            return;
        };
        match read_some(fd, scratch) {
            Got::Bytes(count) => take(&scratch[..count]),
            Got::Nothing => return,
            Got::End => *pipe = None,
        }
    }
}

/// Pipes whose execution has ended, but which children left behind may still write to.
pub struct Stale {
    pipes: VecDeque<OwnedFd>,
    due: Instant,
}

impl Default for Stale {
    fn default() -> Stale {
        Stale { pipes: VecDeque::new(), due: Instant::now() }
    }
}

impl Stale {
    /// Takes a pipe. The oldest is closed when there are too many.
    pub fn add(&mut self, pipe: Option<OwnedFd>) {
        self.pipes.extend(pipe);
        while self.pipes.len() > STALE_MAX {
            self.pipes.pop_front();
        }
    }

    /// What to wait for.
    pub fn interest<'a>(&'a self, now: Instant, wants: &mut Interest<'a>) {
        if self.pipes.is_empty() {
            return;
        }
        if now < self.due {
            return wants.at(self.due);
        }
        self.pipes.iter().for_each(|pipe| wants.read(pipe.as_fd()));
    }

    /// Discards what came.
    pub fn turn(&mut self, ready: &Ready, now: Instant, scratch: &mut [u8]) {
        if now < self.due {
            return;
        }
        let mut any = false;
        self.pipes.retain(|pipe| {
            if !ready.has(pipe) {
                return true;
            }
            any = true;
            !matches!(read_some(pipe, scratch), Got::End)
        });
        if any {
            self.due = now + STALE_EVERY;
        }
    }
}

/// Standard input of a context or command.
#[derive(Default)]
pub struct Stdin {
    pipe: Option<OwnedFd>,
    bytes: VecDeque<u8>,
    /// Bytes that left the queue and were not told to the host.
    taken: u64,
    end: bool,
    /// A terminal has no end: that is typed.
    endless: bool,
    /// A connection stays open for what comes from the other side.
    is_socket: bool,
}

/// More standard input than the guest takes ahead.
#[derive(Debug, PartialEq, Eq)]
pub struct TooMuch;

impl Stdin {
    /// A pipe and its reading end, or nothing and `/dev/null`.
    pub fn new(piped: bool) -> Result<(Stdin, OwnedFd), Errno> {
        if !piped {
            let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::CLOEXEC;
            let null = rustix::fs::open("/dev/null", flags, rustix::fs::Mode::empty())?;
            return Ok((Stdin::default(), null));
        }
        let (reading, writing) = pipe_with(PipeFlags::CLOEXEC)?;
        rustix::io::ioctl_fionbio(&writing, true)?;
        Ok((Stdin { pipe: Some(writing), ..Stdin::default() }, reading))
    }

    /// The outer end of a terminal.
    pub fn terminal(outer: OwnedFd) -> Stdin {
        Stdin { pipe: Some(outer), endless: true, ..Stdin::default() }
    }

    /// A connection.
    pub fn socket(socket: OwnedFd) -> Stdin {
        Stdin { pipe: Some(socket), is_socket: true, ..Stdin::default() }
    }

    /// Queues bytes; they are dropped when nobody can read them any more.
    pub fn push(&mut self, bytes: &[u8], end: bool) -> Result<(), TooMuch> {
        if self.pipe.is_none() || self.end {
            self.taken += bytes.len() as u64;
            return Ok(());
        }
        if (self.bytes.len() + bytes.len()) as u64 > STDIN_BYTES_MAX {
            return Err(TooMuch);
        }
        self.bytes.extend(bytes);
        self.end = end && !self.endless;
        self.flush();
        Ok(())
    }

    /// Bytes that were taken since this was asked last.
    pub fn taken(&mut self) -> Option<u64> {
        Some(std::mem::take(&mut self.taken)).filter(|bytes| *bytes > 0)
    }

    /// What to wait for.
    pub fn interest<'a>(&'a self, wants: &mut Interest<'a>) {
        if let Some(pipe) = self.pipe.as_ref().filter(|_| !self.bytes.is_empty()) {
            wants.write(pipe.as_fd());
        }
    }

    /// Writes what fits.
    pub fn turn(&mut self, ready: &Ready) {
        if self.pipe.as_ref().is_some_and(|pipe| ready.has(pipe)) {
            self.flush();
        }
    }

    fn flush(&mut self) {
        while let Some(pipe) = self.pipe.as_ref().filter(|_| !self.bytes.is_empty()) {
            match rustix::io::write(pipe, self.bytes.as_slices().0) {
                Ok(count) => {
                    self.bytes.drain(..count);
                    self.taken += count as u64;
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Err(_) => {
                    self.pipe = None;
                    self.taken += std::mem::take(&mut self.bytes).len() as u64;
                }
            }
        }
        if self.end
            && let Some(pipe) = self.pipe.take()
            && self.is_socket
        {
            let _ = rustix::net::shutdown(&pipe, rustix::net::Shutdown::Write);
        }
    }
}
