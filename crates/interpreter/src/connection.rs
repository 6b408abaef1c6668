//! Connections to servers inside a sandbox, which need no network: their bytes go through the guest, as those of a process
//! that somebody follows.

use crate::{Error, Process, ProcessEvent, ProcessRequest, Program, Sandbox};
use bytes::Bytes;
use protocol::guest::Request;
use std::{
    collections::BTreeMap,
    convert::Infallible,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::{
    io::{
        AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, ReadHalf, WriteHalf,
        duplex, split,
    },
    sync::oneshot,
};

/// Bytes of each direction that were not fetched yet.
const BUFFER_BYTES: usize = 64 << 10;

/// A connection to a server inside; its write side can be shut down alone. Dropping it closes it.
pub struct Connection {
    stream: DuplexStream,
    /// Gone with the connection: whoever carries its bytes stops then, also where the server says nothing.
    _held: oneshot::Sender<Infallible>,
}

impl Sandbox {
    /// Connects to a server that listens at this port of the sandbox's loopback interface.
    ///
    /// # Errors
    /// When nobody listens there, there are 256 connections already, or the sandbox is gone.
    pub async fn connect(self: &Arc<Self>, port: u16) -> Result<Connection, Error> {
        let request = ProcessRequest {
            program: Program::Argv(Vec::new()),
            cwd: None,
            env: BTreeMap::new(),
            stdin: true,
            tty: None,
            policy: None,
        };
        let mut process = Process::register(self, &request);
        let order = Request::Connect { process: process.id().clone(), port };
        self.wire().send(&order, &[]).await.map_err(|gone| self.lost(gone))?;
        process.came_up().await?;
        let (outside, inside) = duplex(BUFFER_BYTES);
        let (reading, writing) = split(inside);
        let (held, dropped) = oneshot::channel();
        tokio::spawn(async move {
            tokio::select! {
                () = carry(process, reading, writing) => {}
                _ = dropped => {}
            }
        });
        Ok(Connection { stream: outside, _held: held })
    }
}

/// Carries both directions until the server has said all, or whoever connected is gone.
async fn carry(mut process: Process, mut from: ReadHalf<DuplexStream>, mut to: WriteHalf<DuplexStream>) {
    let control = process.control();
    let inward = async {
        let mut buffer = vec![0; BUFFER_BYTES / 2];
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            if control.write(Bytes::copy_from_slice(&buffer[..count])).await.is_err() {
                return;
            }
        }
        control.close_stdin().await;
    };
    let outward = async {
        while let Some(ProcessEvent::Output { bytes, .. }) = process.next().await {
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
        let _ = to.shutdown().await;
    };
    tokio::pin!(inward, outward);
    tokio::select! {
        () = &mut outward => {}
        () = &mut inward => outward.await,
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}
