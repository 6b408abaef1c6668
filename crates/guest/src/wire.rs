//! The stream to the host: whole requests in, replies out, never blocking.

use crate::readiness::Interest;
use protocol::frame::{Decoder, Frame, PAYLOAD_BYTES_MAX, encode};
use protocol::guest::{Reply, Request, STDIN_BYTES_MAX};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};

/// Replies waiting for the host beyond which nothing more is read from user code, in bytes.
const OUTBOX_BYTES_MAX: usize = 4 << 20;
/// Small replies that are written together, in bytes; a larger payload stays where it is.
const SEGMENT_BYTES: usize = 128 << 10;
/// Requests after which the inbox gives its memory back, in bytes.
const INBOX_BYTES_KEPT: usize = 256 << 10;

/// The host's side is gone, or no host at all.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The stream ended.
    #[error("reach the host: the stream ended")]
    Ended,
    /// The stream failed.
    #[error("reach the host: {0}")]
    Stream(Errno),
    /// More standard input than it may send ahead.
    #[error("take more standard input than {STDIN_BYTES_MAX} bytes ahead")]
    Stdin,
    /// Not a frame of this protocol.
    #[error("{0}")]
    Frame(#[from] protocol::frame::FrameError),
}

/// The host.
pub struct Host {
    stream: OwnedFd,
    out: OwnedFd,
    inbox: Decoder,
    received: usize,
    outbox: VecDeque<Vec<u8>>,
    /// Bytes of the first segment that are written.
    sent: usize,
    /// Bytes of all segments that are not written.
    waiting: usize,
}

impl Host {
    /// Takes a stream, which becomes non-blocking: what is read and what is written, perhaps the same.
    pub fn new(stream: OwnedFd, out: OwnedFd) -> Result<Host, Errno> {
        rustix::io::ioctl_fionbio(&stream, true)?;
        rustix::io::ioctl_fionbio(&out, true)?;
        let (inbox, outbox) = (Decoder::default(), VecDeque::new());
        Ok(Host { stream, out, inbox, received: 0, outbox, sent: 0, waiting: 0 })
    }

    /// Queues a reply. False when it is too large for a frame and was not queued.
    pub fn send(&mut self, reply: &Reply, payload: &[u8]) -> bool {
        if self.outbox.back().is_none_or(|last| last.len() >= SEGMENT_BYTES) {
            self.outbox.push_back(Vec::new());
        }
        let Some(last) = self.outbox.back_mut() else {
            return false;
        };
        let before = last.len();
        let fits = encode(reply, payload, last).is_ok();
        self.waiting += last.len() - before;
        fits
    }

    /// Queues a reply whose payload may be large, without a copy of it.
    pub fn send_owned(&mut self, reply: &Reply, payload: Vec<u8>) -> bool {
        let mut frame = Vec::new();
        if payload.len() < SEGMENT_BYTES {
            return self.send(reply, &payload);
        }
        if payload.len() > PAYLOAD_BYTES_MAX || encode(reply, b"", &mut frame).is_err() {
            return false;
        }
        frame[4..8].copy_from_slice(&(payload.len() as u32).to_le_bytes());
        self.waiting += frame.len() + payload.len();
        self.outbox.extend([frame, payload]);
        true
    }

    /// True while the host is behind: whoever makes replies out of what user code does must wait.
    pub fn behind(&self) -> bool {
        self.waiting > OUTBOX_BYTES_MAX
    }

    /// What to wait for. The host is always listened to: it may want to stop whatever keeps the guest busy.
    pub fn interest<'a>(&'a self, wants: &mut Interest<'a>) {
        wants.read(self.stream.as_fd());
        if self.waiting > 0 {
            wants.write(self.out.as_fd());
        }
    }

    /// Reads what is there, at most the scratch buffer once.
    pub fn receive(&mut self, scratch: &mut [u8]) -> Result<(), HostError> {
        match rustix::io::read(&self.stream, &mut *scratch) {
            Ok(0) => Err(HostError::Ended),
            Ok(count) => {
                self.inbox.push(&scratch[..count]);
                self.received += count;
                Ok(())
            }
            Err(Errno::AGAIN | Errno::INTR) => Ok(()),
            Err(errno) => Err(HostError::Stream(errno)),
        }
    }

    /// The next whole request.
    pub fn request(&mut self) -> Result<Option<Frame<Request>>, HostError> {
        let request = self.inbox.next()?;
        if request.is_none() && self.inbox.pending() == 0 && self.received > INBOX_BYTES_KEPT {
            self.inbox = Decoder::default();
            self.received = 0;
        }
        Ok(request)
    }

    /// True when a stream descriptor is among the ready ones.
    pub fn fd(&self) -> impl AsFd + '_ {
        self.stream.as_fd()
    }

    /// Writes what fits.
    pub fn flush(&mut self) -> Result<(), HostError> {
        while let Some(first) = self.outbox.front() {
            if self.sent == first.len() {
                self.outbox.pop_front();
                self.sent = 0;
                continue;
            }
            match rustix::io::write(&self.out, &first[self.sent..]) {
                Ok(count) => {
                    self.sent += count;
                    self.waiting -= count;
                }
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(HostError::Stream(errno)),
            }
        }
        Ok(())
    }
}
