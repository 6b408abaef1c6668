//! The zygote: one outside of the sandbox, or one that the guest starts when the first context asks for it and again
//! after it has died. Asking for forks, hearing how they went.
//!
//! A zygote inside runs no user code either, but user code may kill it: they are the same user.

use crate::readiness::Interest;
use jail::control::ZygotePlan;
use protocol::zygote::{ForkReply, ForkRequest, FromZygote, ToZygote};
use protocol::{ContextId, SandboxId};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, SeekFrom};
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Replies that are taken in one turn.
const REPLIES_MAX: usize = 64;
/// What sending to a dead zygote says.
const GONE: [i32; 2] = [Errno::PIPE.raw_os_error(), Errno::CONNRESET.raw_os_error()];
/// What is told of a dead zygote's messages, in bytes.
const LAST_WORDS_BYTES: usize = 2 << 10;

/// The zygote, while it is there.
pub struct Zygote {
    socket: Option<OwnedFd>,
    own: Option<Own>,
}

/// A zygote of this sandbox alone.
struct Own {
    program: ZygotePlan,
    running: Option<Running>,
    /// Forks that were not answered yet.
    asked: Vec<Asked>,
}

struct Asked {
    request: ForkRequest,
    fds: Vec<OwnedFd>,
}

struct Running {
    control: OwnedFd,
    errors: OwnedFd,
}

impl Zygote {
    /// Takes the guest's end of the socket that a zygote outside listens to, if there is one.
    pub fn outside(socket: Option<OwnedFd>) -> Result<Zygote, Errno> {
        if let Some(socket) = &socket {
            rustix::io::ioctl_fionbio(socket, true)?;
        }
        Ok(Zygote { socket, own: None })
    }

    /// A zygote that will be started with this program.
    pub fn own(program: ZygotePlan) -> Zygote {
        Zygote { socket: None, own: Some(Own { program, running: None, asked: Vec::new() }) }
    }

    /// Whether it lives in the sandbox.
    pub fn is_inside(&self) -> bool {
        self.own.is_some()
    }

    /// Asks for a fork. A zygote inside is started where there is none; `rlimits` are those of its forks.
    ///
    /// # Errors
    /// What was attempted, and the error number.
    pub fn ask(
        &mut self,
        request: ForkRequest,
        fds: &[BorrowedFd<'_>],
        rlimits: &[(u32, u64)],
    ) -> Result<(), jail::Failed> {
        if let Some(own) = &mut self.own {
            if !own.is_alive() {
                self.socket = Some(own.start(rlimits)?);
            }
            let copy = |fd: &BorrowedFd<'_>| rustix::io::fcntl_dupfd_cloexec(*fd, 3);
            let fds = fds.iter().map(copy).collect::<Result<_, _>>().map_err(failed("keep a descriptor"))?;
            own.asked.push(Asked { request: request.clone(), fds });
        }
        match self.send(&request, fds) {
            // It has just died: that is noticed soon, and the next one is asked.
            Err(failed) if self.own.is_some() && GONE.contains(&failed.errno) => Ok(()),
            sent => sent,
        }
    }

    fn send(&self, request: &ForkRequest, fds: &[BorrowedFd<'_>]) -> Result<(), jail::Failed> {
        let socket = self.socket.as_ref().ok_or(Errno::NOTCONN);
        socket.and_then(|socket| jail::send(socket.as_fd(), request, fds)).map_err(failed("ask the zygote"))
    }

    /// After the end of a zygote inside: asks the next one, once, for the forks that it did not make any more.
    /// Gives the contexts for which that was done.
    pub fn ask_again(&mut self, rlimits: &[(u32, u64)]) -> Vec<ContextId> {
        let Some(own) = &mut self.own else { return Vec::new() };
        let asked = std::mem::take(&mut own.asked);
        let Some(socket) = (!asked.is_empty()).then(|| own.start(rlimits).ok()).flatten() else {
            return Vec::new();
        };
        self.socket = Some(socket);
        let again = asked.into_iter().filter_map(|Asked { request, fds }| {
            let fds: Vec<BorrowedFd<'_>> = fds.iter().map(AsFd::as_fd).collect();
            self.send(&request, &fds).ok()?;
            let ForkRequest::Fork { context, .. } = request;
            Some(context)
        });
        again.collect()
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
                Ok(Some((reply, _))) => {
                    if let (Some(own), Some(context)) = (&mut self.own, answered(&reply)) {
                        own.asked.retain(
                            |Asked { request: ForkRequest::Fork { context: of, .. }, .. }| of != context,
                        );
                    }
                    replies.push(reply);
                }
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

    /// Why it is gone, as far as it said.
    pub fn last_words(&mut self) -> String {
        let running = self.own.as_mut().and_then(|own| own.running.take());
        running.and_then(|running| running.last_words()).unwrap_or_else(|| "it is gone".to_owned())
    }
}

impl Own {
    fn is_alive(&self) -> bool {
        let Some(running) = &self.running else { return false };
        // Nobody but the zygote has the other end.
        let mut ended = [PollFd::new(&running.control, PollFlags::empty())];
        poll(&mut ended, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) == Ok(0)
    }

    /// Starts it and tells it of the one room that it will ever know: the sandbox that it is in.
    fn start(&mut self, rlimits: &[(u32, u64)]) -> Result<OwnedFd, jail::Failed> {
        let errors = rustix::fs::memfd_create("zygote-errors", MemfdFlags::CLOEXEC)
            .map_err(failed("keep the zygote's messages"))?;
        let (_child, control) = jail::spawn::zygote(&self.program, Some(errors.as_fd()))?;
        let (ours, theirs) = jail::pair().map_err(failed("make a pair of sockets"))?;
        rustix::io::ioctl_fionbio(&ours, true).map_err(failed("set a socket up"))?;
        let room = ToZygote::Room {
            room: SandboxId::from_bits(0),
            enter: jail::in_place(rlimits),
            fds: vec!["socket".to_owned()],
        };
        match jail::send(control.as_fd(), &room, &[theirs.as_fd()]) {
            // It has died already; why, its last words tell.
            Err(errno) if !GONE.contains(&errno.raw_os_error()) => {
                return Err(failed("tell the zygote of its room")(errno));
            }
            _ => {}
        }
        rustix::io::ioctl_fionbio(&control, true).map_err(failed("set a socket up"))?;
        self.running = Some(Running { control, errors });
        Ok(ours)
    }
}

/// The context whose fork this settles.
fn answered(reply: &ForkReply) -> Option<&ContextId> {
    match reply {
        ForkReply::Forked { context } | ForkReply::ForkFailed { context, .. } => Some(context),
        ForkReply::Exited { .. } => None,
    }
}

fn failed(step: &'static str) -> impl FnOnce(Errno) -> jail::Failed {
    move |errno| jail::Failed { step: step.into(), errno: errno.raw_os_error() }
}

impl Running {
    fn last_words(self) -> Option<String> {
        while let Ok(Some((message, _))) = jail::receive::<FromZygote>(self.control.as_fd()) {
            if let FromZygote::Failed { message } = message {
                return Some(message);
            }
        }
        let end = rustix::fs::seek(&self.errors, SeekFrom::End(0)).ok()?;
        let mut words = vec![0; LAST_WORDS_BYTES];
        let from = end.saturating_sub(LAST_WORDS_BYTES as u64);
        let count = rustix::io::pread(&self.errors, &mut words, from).ok()?;
        let words = String::from_utf8_lossy(&words[..count]).trim().to_owned();
        Some(words).filter(|words| !words.is_empty())
    }
}
