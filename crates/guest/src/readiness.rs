//! Which descriptors the loop waits for, and which became ready. Reading them is their owners'.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::Instant;

/// What the loop waits for in one turn.
#[derive(Default)]
pub struct Interest<'a> {
    fds: Vec<PollFd<'a>>,
    wake: Option<Instant>,
}

impl<'a> Interest<'a> {
    /// Wake when there is something to read, or the other side is gone.
    pub fn read(&mut self, fd: BorrowedFd<'a>) {
        self.fds.push(PollFd::from_borrowed_fd(fd, PollFlags::IN));
    }

    /// Wake when writing is possible.
    pub fn write(&mut self, fd: BorrowedFd<'a>) {
        self.fds.push(PollFd::from_borrowed_fd(fd, PollFlags::OUT));
    }

    /// Wake at this time at the latest.
    pub fn at(&mut self, time: Instant) {
        self.wake = Some(self.wake.map_or(time, |wake| wake.min(time)));
    }

    /// Waits.
    pub fn wait(mut self) -> Result<Ready, Errno> {
        let timeout = self.wake.map(|wake| {
            let left = wake.saturating_duration_since(Instant::now());
            Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() }
        });
        match poll(&mut self.fds, timeout.as_ref()) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok(Ready(Vec::new())),
            Err(errno) => return Err(errno),
        }
        let ready = self.fds.iter().filter(|fd| !fd.revents().is_empty());
        Ok(Ready(ready.map(|fd| fd.as_fd().as_raw_fd()).collect()))
    }
}

/// The descriptors that became ready. One that was closed and whose number is used again may be named too: every
/// descriptor of the loop is non-blocking, so that costs one call.
pub struct Ready(Vec<RawFd>);

impl Ready {
    /// Whether this descriptor became ready.
    pub fn has(&self, fd: impl AsFd) -> bool {
        self.0.contains(&fd.as_fd().as_raw_fd())
    }
}
