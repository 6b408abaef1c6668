//! The socket to the zygote: asking for forks, hearing how they went.

use crate::readiness::Interest;
use protocol::zygote::{ForkReply, ForkRequest};
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Replies that are taken in one turn.
const REPLIES_MAX: usize = 64;

/// The zygote, while it is there.
pub struct Zygote {
    socket: Option<OwnedFd>,
}

impl Zygote {
    /// Takes the guest's end of the room's socket.
    pub fn new(socket: Option<OwnedFd>) -> Result<Zygote, Errno> {
        if let Some(socket) = &socket {
            rustix::io::ioctl_fionbio(socket, true)?;
        }
        Ok(Zygote { socket })
    }

    /// Asks for a fork.
    pub fn ask(&self, request: &ForkRequest, fds: &[BorrowedFd<'_>]) -> Result<(), Errno> {
        let socket = self.socket.as_ref().ok_or(Errno::NOTCONN)?;
        jail::send(socket.as_fd(), request, fds)
    }

    /// What to wait for.
    pub fn interest<'a>(&'a self, wants: &mut Interest<'a>) {
        if let Some(socket) = &self.socket {
            wants.read(socket.as_fd());
        }
    }

    /// What it said, and whether it is still there. Descriptors that come along are closed.
    pub fn replies(&mut self) -> (Vec<ForkReply>, bool) {
        let mut replies = Vec::new();
        while let Some(socket) = self.socket.as_ref().filter(|_| replies.len() < REPLIES_MAX) {
            match jail::receive(socket.as_fd()) {
                Ok(Some((reply, _))) => replies.push(reply),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return (replies, true),
                Ok(None) | Err(_) => self.socket = None,
            }
        }
        (replies, self.socket.is_some())
    }

    /// The socket, while it is there.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.socket.as_ref().map(AsFd::as_fd)
    }
}
