//! Connections to servers inside the sandbox. To the host each is like a process that it follows: what comes is output,
//! what goes is standard input.

use crate::contexts::Ground;
use crate::pipes::{Got, Stdin, read_some};
use crate::readiness::{Interest, Ready};
use protocol::ExecutionId;
use protocol::guest::{End, Exit, OUTPUT_WINDOW_BYTES, Reply, Stream};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrAny, SocketFlags, SocketType, connect, socket_with, sockopt};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};

/// Connections at once.
pub const CONNECTIONS_MAX: usize = 256;
/// Where a server may listen; nothing beyond the sandbox itself.
const PLACES: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
const PIECE_BYTES: u64 = 32 << 10;

/// One of them.
pub struct Connection {
    /// Its id.
    pub id: ExecutionId,
    /// What goes into it.
    pub stdin: Stdin,
    socket: OwnedFd,
    port: u16,
    /// Which place is tried, while it is not open.
    tries: Option<usize>,
    /// Bytes that were sent to the host and not taken yet.
    ahead: u64,
}

impl Connection {
    /// Begins one; `None` where there can be none, which is said.
    pub fn start(id: ExecutionId, port: u16, ground: &mut Ground) -> Option<Connection> {
        match begin(port, 0) {
            Ok((socket, tries)) => {
                let stdin = Stdin::default();
                let mut connection = Connection { id, stdin, socket, port, tries: Some(tries), ahead: 0 };
                // On one machine it is mostly open at once.
                connection.look(ground).ok()?;
                Some(connection)
            }
            Err(errno) => {
                refuse(&id, port, errno, ground);
                None
            }
        }
    }

    /// The host took bytes.
    pub fn taken(&mut self, bytes: u64) {
        self.ahead = self.ahead.saturating_sub(bytes);
    }

    fn room(&self, ground: &Ground) -> u64 {
        if ground.host.behind() { 0 } else { OUTPUT_WINDOW_BYTES.saturating_sub(self.ahead) }
    }

    /// What to wait for.
    pub fn interest<'a>(&'a self, ground: &Ground, wants: &mut Interest<'a>) {
        self.stdin.interest(wants);
        match self.tries {
            Some(_) => wants.write(self.socket.as_fd()),
            None if self.room(ground) > 0 => wants.read(self.socket.as_fd()),
            None => {}
        }
    }

    /// One turn. True when it is over and that was said.
    pub fn turn(&mut self, ready: &Ready, ground: &mut Ground) -> bool {
        if self.tries.is_some() {
            return ready.has(&self.socket) && self.look(ground).is_err();
        }
        self.stdin.turn(ready);
        if let Some(bytes) = self.stdin.taken() {
            let execution = Some(self.id.clone());
            ground.host.send(&Reply::StdinTaken { context: None, execution, bytes }, b"");
        }
        let most = PIECE_BYTES.min(self.room(ground)) as usize;
        if most == 0 || !ready.has(&self.socket) {
            return false;
        }
        let process = self.id.clone();
        match read_some(&self.socket, &mut ground.scratch[..most]) {
            Got::Bytes(count) => {
                let stream = Stream::Stdout;
                ground.host.send(&Reply::ProcessOutput { process, stream }, &ground.scratch[..count]);
                self.ahead += count as u64;
                false
            }
            Got::Nothing => false,
            Got::End => {
                let end = End::Exited(Exit::Code(0));
                ground.host.send(&Reply::ProcessEnded { process, end }, b"");
                true
            }
        }
    }

    /// Whether it is open now; tries the next place where it is refused. An error was said.
    fn look(&mut self, ground: &mut Ground) -> Result<(), ()> {
        while let Some(tried) = self.tries {
            let failed = match sockopt::socket_error(&self.socket) {
                Ok(Ok(())) if rustix::net::getpeername(&self.socket).is_ok() => {
                    self.open(ground);
                    return Ok(());
                }
                Ok(Ok(())) => return Ok(()),
                Ok(Err(errno)) | Err(errno) => errno,
            };
            match begin(self.port, tried + 1) {
                Ok((socket, tries)) => (self.socket, self.tries) = (socket, Some(tries)),
                Err(_) => {
                    refuse(&self.id, self.port, failed, ground);
                    return Err(());
                }
            }
        }
        Ok(())
    }

    fn open(&mut self, ground: &mut Ground) {
        self.tries = None;
        if let Ok(outer) = rustix::io::fcntl_dupfd_cloexec(&self.socket, 3) {
            self.stdin = Stdin::socket(outer);
        }
        let _ = sockopt::set_tcp_nodelay(&self.socket, true);
        ground.host.send(&Reply::ProcessStarted { process: self.id.clone(), pid: 0 }, b"");
    }
}

/// Begins to connect to the first place from `first` on that does not refuse at once.
fn begin(port: u16, first: usize) -> Result<(OwnedFd, usize), Errno> {
    let mut refused = Errno::CONNREFUSED;
    for (at, place) in PLACES.iter().enumerate().skip(first) {
        let family = if place.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let connected =
            socket_with(family, SocketType::STREAM, flags, None).and_then(|socket| {
                match connect(&socket, &SocketAddrAny::from(SocketAddr::new(*place, port))) {
                    Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
                    Err(errno) => Err(errno),
                }
            });
        match connected {
            Ok(socket) => return Ok((socket, at)),
            // What the first place says is what matters.
            Err(errno) if at == 0 => refused = errno,
            Err(_) => {}
        }
    }
    Err(refused)
}

fn refuse(id: &ExecutionId, port: u16, errno: Errno, ground: &mut Ground) {
    let message = format!("connect to port {port} of the sandbox: {}", crate::starting::plain(&errno.into()));
    let (process, errno) = (id.clone(), errno.raw_os_error());
    ground.host.send(&Reply::ProcessFailed { process, errno, message }, b"");
}

/// Says that there are too many.
pub fn too_many(id: &ExecutionId, port: u16, ground: &mut Ground) {
    refuse(id, port, Errno::MFILE, ground);
}
