//! Where connections come in: an address, and a socket in the data folder for commands of the server's own user.

use std::{
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
};

/// In requests that came through the socket: whoever sends them owns the server.
#[derive(Debug, Clone, Copy)]
pub struct Owner;

/// In every request: breaks its connection off.
#[derive(Debug, Clone, Default)]
pub struct Hangup(Arc<AtomicBool>);

impl Hangup {
    /// From now on the connection ends with a reset, where it can: nobody takes what came until then for the whole.
    pub fn ask(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_asked(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// All doors of one server.
pub struct Doors {
    address: TcpListener,
    socket: Option<Socket>,
}

/// A connection, and whether it came through the socket.
pub struct Came {
    /// Its bytes.
    pub stream: Stream,
    /// Whether its other end owns the server.
    pub owner: bool,
}

/// A connection of either kind.
pub struct Stream {
    kind: Kind,
    /// Breaks it off.
    pub hangup: Hangup,
}

enum Kind {
    /// From an address.
    Tcp(TcpStream),
    /// From the socket.
    Unix(UnixStream),
}

impl Stream {
    fn of(kind: Kind) -> Stream {
        Stream { kind, hangup: Hangup::default() }
    }

    /// Whether it was broken off.
    fn breaks_off(&self) -> bool {
        let asked = self.hangup.is_asked();
        if let (true, Kind::Tcp(stream)) = (asked, &self.kind) {
            let _ = rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO));
        }
        asked
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.breaks_off();
    }
}

/// The socket; removed on drop.
struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Socket {
    /// `None` where another server listens there. What a server that is gone left is replaced.
    fn open(path: &Path) -> io::Result<Option<Socket>> {
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Ok(None);
        }
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(path)?;
        let socket = Socket { listener, path: path.to_owned() };
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Some(socket))
    }

    /// The next connection of the server's own user; others are hung up on.
    async fn accept(&self) -> io::Result<UnixStream> {
        loop {
            let (stream, _) = self.listener.accept().await?;
            let own = rustix::process::geteuid().as_raw();
            if stream.peer_cred().is_ok_and(|peer| peer.uid() == own) {
                return Ok(stream);
            }
        }
    }
}

impl Doors {
    /// The address alone, and the socket beside it where it can be there.
    pub fn open(address: TcpListener, socket: &Path) -> Doors {
        let socket = match Socket::open(socket) {
            Ok(Some(socket)) => Some(socket),
            Ok(None) => {
                tracing::info!("another server has this data folder's socket: commands go on using that one");
                None
            }
            Err(error) => {
                tracing::warn!("cannot listen on {}: {error}: commands work alone", socket.display());
                None
            }
        };
        Doors { address, socket }
    }

    /// The next connection. Cancel safe.
    pub async fn accept(&self) -> io::Result<Came> {
        let inside = async {
            match &self.socket {
                Some(socket) => socket.accept().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            accepted = self.address.accept() => {
                let (stream, _) = accepted?;
                let _ = stream.set_nodelay(true);
                Ok(Came { stream: Stream::of(Kind::Tcp(stream)), owner: false })
            }
            accepted = inside => Ok(Came { stream: Stream::of(Kind::Unix(accepted?)), owner: true }),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.get_mut().kind {
            Kind::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            Kind::Unix(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().kind {
            Kind::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Kind::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().kind {
            Kind::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, bytes),
            Kind::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, bytes),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().kind {
            Kind::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Kind::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.breaks_off() {
            return Poll::Ready(Ok(()));
        }
        match &mut self.get_mut().kind {
            Kind::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Kind::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
