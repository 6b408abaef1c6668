//! Takes connections, no more than there is room for and only from clients that do not dawdle, until it is told to stop.

use super::{
    doors::{Came, Doors, Hangup, Owner},
    routes::router,
    served::Served,
};
use axum::{Extension, body::Body};
use hyper::{
    Request, Response,
    body::Incoming,
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::{convert::Infallible, future::Future, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpSocket},
    sync::{Semaphore, watch},
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
    // Told once; each connection hears of it, and is known to be over when it listens no more.
    let ending = watch::Sender::new(());
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
                let hangup = stream.hangup.clone();
                let connection = connect(stream, hangup, service.clone());
                let ending = ending.subscribe();
                tokio::spawn(async move {
                    attend(connection, ending).await;
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
    ending.send_replace(());
    let mut over = tokio::spawn(async move { ending.closed().await });
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

/// What answers the requests of one connection.
trait Answering:
    Service<Request<Incoming>, Response = Response<Body>, Error = Infallible, Future: Send> + Send
{
}

impl<T> Answering for T where
    T: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible, Future: Send> + Send
{
}

/// Serves a connection to its end; the request that it is at is its last one once everything ends.
async fn attend<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    connection: http1::UpgradeableConnection<TokioIo<S>, impl Answering>,
    mut ending: watch::Receiver<()>,
) {
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = ending.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!("a connection broke off: {error}");
    }
}

fn connect<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    hangup: Hangup,
    service: axum::Router,
) -> http1::UpgradeableConnection<TokioIo<S>, impl Answering> {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME).max_buf_size(HEAD_BYTES);
    let service = TowerToHyperService::new(service);
    let named = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(hangup.clone());
        service.call(request)
    });
    builder.serve_connection(TokioIo::new(stream), named).with_upgrades()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::Instant;

    const ASK: &str = "GET /here HTTP/1.1\r\nhost: here\r\n\r\n";

    /// What the server says to a client that sends these, each after a pause, and then nothing; and after how long the
    /// connection is closed.
    async fn told(pieces: &[String], pause: Duration) -> (String, Duration) {
        let service = axum::Router::new().route("/here", axum::routing::get(async || "here"));
        let (mut client, server) = tokio::io::duplex(1 << 20);
        let serving = tokio::spawn(async move { connect(server, Hangup::default(), service).await });
        let began = Instant::now();
        for piece in pieces {
            if client.write_all(piece.as_bytes()).await.is_err() {
                break;
            }
            tokio::time::sleep(pause).await;
        }
        let mut said = Vec::new();
        client.read_to_end(&mut said).await.unwrap();
        let _ = serving.await;
        (String::from_utf8(said).unwrap(), began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_is_left() {
        let (said, took) = told(&[], Duration::ZERO).await;
        assert_eq!((said.as_str(), took.as_secs()), ("", HEAD_TIME.as_secs()));
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_it_drop_by_drop_is_left() {
        let drops: Vec<String> = ASK.chars().map(String::from).collect();
        let (said, took) = told(&drops, Duration::from_secs(2)).await;
        assert!(said.is_empty() && took <= HEAD_TIME + Duration::from_secs(4), "{said} {took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_nothing_more_is_left() {
        let asks = [ASK.to_owned(), ASK.to_owned()];
        let (said, took) = told(&asks, Duration::from_secs(10)).await;
        assert_eq!(said.matches("200 OK").count(), 2, "{said}");
        assert_eq!(took, Duration::from_secs(10) + HEAD_TIME);
    }

    #[tokio::test(start_paused = true)]
    async fn who_shouts_is_refused() {
        let ask = ASK.replace("\r\n\r\n", &format!("\r\nx-loud: {}\r\n\r\n", "a".repeat(2 * HEAD_BYTES)));
        let (said, _) = told(&[ask], Duration::ZERO).await;
        assert!(said.starts_with("HTTP/1.1 431 "), "{said}");
    }
}
