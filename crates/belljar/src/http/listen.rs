//! Takes connections, no more than there is room for and only from clients that do not dawdle, until it is told to stop.

use super::{
    doors::{Came, Doors, Owner, Stream},
    routes::router,
    served::Served,
};
use axum::Extension;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpSocket},
    sync::Semaphore,
};

/// How long the head of a request may take, also the first one and the next one of a connection.
const HEAD_TIME: Duration = Duration::from_secs(20);
/// Longest head, in bytes.
const HEAD_BYTES: usize = 64 << 10;
/// How long answers may take once everything has ended, before streams are ended.
const LAST_ANSWERS: Duration = Duration::from_millis(300);
/// Connections that nobody took yet; the kernel may allow fewer.
const UNTAKEN: u32 = 16_384;
/// How long answers may still be written after everything has ended.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How much at once, and how it ends.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Connections at once.
    pub connections: usize,
    /// How long executions may still run after the server was told to stop.
    pub grace: Duration,
}

/// Listens at an address, with as much room for connections that nobody took yet as the kernel gives: those that find
/// none try again after seconds.
///
/// # Errors
/// When the address cannot be had.
pub fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(UNTAKEN)
}

/// Serves until `stop` is done; then lets what runs end within the grace, or until `hurry` is done. Returns when no
/// sandbox is left.
pub async fn listen(
    doors: Doors,
    served: Served,
    bounds: Bounds,
    stop: impl Future<Output = ()>,
    hurry: impl Future<Output = ()>,
) {
    let strangers = router(served.clone());
    let owners = strangers.clone().layer(Extension(Owner));
    let graceful = GracefulShutdown::new();
    let room = Arc::new(Semaphore::new(bounds.connections));
    tokio::pin!(stop);
    loop {
        let accepted = async {
            let place = room.clone().acquire_owned().await;
            (doors.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            accepted = accepted => accepted,
            () = &mut stop => break,
        };
        match accepted {
            Ok(Came { stream, owner }) => {
                let service = if owner { &owners } else { &strangers };
                let connection = graceful.watch(connect(stream, service.clone()));
                tokio::spawn(async move {
                    if let Err(error) = connection.await {
                        tracing::debug!("a connection broke off: {error}");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                // No descriptor is left, or a client was gone at once: neither is solved by trying at once.
                tracing::warn!("cannot accept a connection: {error}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(doors);
    served.desk.stop();
    let mut over = tokio::spawn(graceful.shutdown());
    tokio::select! {
        () = served.desk.close(bounds.grace) => {}
        () = hurry => served.desk.close(Duration::ZERO).await,
    }
    // Answers are on their way still; streams that wait for something to tell would never end.
    if tokio::time::timeout(LAST_ANSWERS, &mut over).await.is_err() {
        served.mcp.close();
        let _ = tokio::time::timeout(LAST_WORDS, over).await;
    }
}

fn connect(
    stream: Stream,
    service: axum::Router,
) -> http1::Connection<TokioIo<Stream>, TowerToHyperService<axum::Router>> {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME).max_buf_size(HEAD_BYTES);
    builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
}
