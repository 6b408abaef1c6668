//! The stream to the host: whole requests in, replies out, never blocking.

use crate::readiness::Interest;
use protocol::frame::{Decoder, Frame, encode};
use protocol::guest::{Reply, Request};
use rustix::io::Errno;
use std::os::fd::{AsFd, OwnedFd};

/// Replies waiting for the host beyond which nothing more is read from user code, in bytes.
const OUTBOX_BYTES_MAX: usize = 4 << 20;
/// Capacity that an empty outbox keeps, in bytes.
const OUTBOX_BYTES_KEPT: usize = 256 << 10;

/// The host's side is gone, or no host at all.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The stream ended.
    #[error("reach the host: the stream ended")]
    Ended,
    /// The stream failed.
    #[error("reach the host: {0}")]
    Stream(Errno),
    /// Not a frame of this protocol.
    #[error("{0}")]
    Frame(#[from] protocol::frame::FrameError),
}

/// The host.
pub struct Host {
    stream: OwnedFd,
    inbox: Decoder,
    outbox: Vec<u8>,
    sent: usize,
}

impl Host {
    /// Takes a stream, which becomes non-blocking.
    pub fn new(stream: OwnedFd) -> Result<Host, Errno> {
        rustix::io::ioctl_fionbio(&stream, true)?;
        Ok(Host { stream, inbox: Decoder::default(), outbox: Vec::new(), sent: 0 })
    }

    /// Queues a reply. False when it is too large for a frame and was not queued.
    pub fn send(&mut self, reply: &Reply, payload: &[u8]) -> bool {
        encode(reply, payload, &mut self.outbox).is_ok()
    }

    /// True while the host is behind: whoever makes replies out of what user code does must wait.
    pub fn behind(&self) -> bool {
        self.outbox.len() - self.sent > OUTBOX_BYTES_MAX
    }

    /// What to wait for; `listen` is false while requests must wait.
    pub fn interest<'a>(&'a self, listen: bool, wants: &mut Interest<'a>) {
        if listen {
            wants.read(self.stream.as_fd());
        }
        if self.sent < self.outbox.len() {
            wants.write(self.stream.as_fd());
        }
    }

    /// Reads what is there, at most the scratch buffer once.
    pub fn receive(&mut self, scratch: &mut [u8]) -> Result<(), HostError> {
        match rustix::io::read(&self.stream, &mut *scratch) {
            Ok(0) => Err(HostError::Ended),
            Ok(count) => {
                self.inbox.push(&scratch[..count]);
                Ok(())
            }
            Err(Errno::AGAIN | Errno::INTR) => Ok(()),
            Err(errno) => Err(HostError::Stream(errno)),
        }
    }

    /// The next whole request.
    pub fn request(&mut self) -> Result<Option<Frame<Request>>, HostError> {
        Ok(self.inbox.next()?)
    }

    /// True when a stream descriptor is among the ready ones.
    pub fn fd(&self) -> impl AsFd + '_ {
        self.stream.as_fd()
    }

    /// Writes what fits.
    pub fn flush(&mut self) -> Result<(), HostError> {
        while self.sent < self.outbox.len() {
            match rustix::io::write(&self.stream, &self.outbox[self.sent..]) {
                Ok(count) => self.sent += count,
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(HostError::Stream(errno)),
            }
        }
        if self.sent == self.outbox.len() {
            self.sent = 0;
            if self.outbox.capacity() > OUTBOX_BYTES_KEPT {
                self.outbox = Vec::new();
            }
            self.outbox.clear();
        } else if self.sent > OUTBOX_BYTES_MAX {
            self.outbox.drain(..self.sent);
            self.sent = 0;
        }
        Ok(())
    }
}
