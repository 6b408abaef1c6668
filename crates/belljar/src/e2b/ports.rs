//! Ports of a sandbox: requests for them go to whoever listens there inside, and upgraded connections stay.

use super::place::{Gone, Place};
use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

/// Headers that are about one connection alone.
const HOPS: [HeaderName; 7] = [
    header::CONNECTION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("keep-alive"),
];

/// Passes a request on, and the answer back.
pub async fn pass(place: Place, port: u16, mut request: Request) -> Response {
    let closed = || Gone::port(place.id(), port).into_response();
    let connection = match place.kept.sandbox().connect(port).await {
        Ok(connection) => connection,
        Err(interpreter::Error::SandboxLost { .. }) => return Gone::sandbox(place.id()).into_response(),
        Err(_) => return closed(),
    };
    let handshake = http1::handshake(TokioIo::new(connection)).await;
    let Ok((mut sender, inside)) = handshake else { return closed() };
    tokio::spawn(async move {
        if let Err(error) = inside.with_upgrades().await {
            tracing::debug!("a connection into a sandbox broke off: {error}");
        }
    });
    let wants_upgrade = request.headers().get(header::UPGRADE).cloned();
    let outside = wants_upgrade.as_ref().map(|_| hyper::upgrade::on(&mut request));
    make_ready(request.headers_mut(), wants_upgrade.as_ref());
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).parse();
    *request.uri_mut() = path.unwrap_or_default();
    let mut response = match sender.send_request(request).await {
        Ok(response) => response,
        Err(error) => {
            tracing::debug!("a sandbox did not answer: {error}");
            return (StatusCode::BAD_GATEWAY, "the program in the sandbox broke off").into_response();
        }
    };
    match outside.filter(|_| response.status() == StatusCode::SWITCHING_PROTOCOLS) {
        Some(outside) => {
            let inside = hyper::upgrade::on(&mut response);
            tokio::spawn(join(outside, inside));
        }
        None => HOPS.iter().for_each(|name| drop(response.headers_mut().remove(name))),
    }
    response.map(Body::new)
}

fn make_ready(headers: &mut HeaderMap, upgrade: Option<&axum::http::HeaderValue>) {
    HOPS.iter().for_each(|name| drop(headers.remove(name)));
    if let Some(protocol) = upgrade {
        headers.insert(header::CONNECTION, axum::http::HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, protocol.clone());
    }
}

async fn join(outside: hyper::upgrade::OnUpgrade, inside: hyper::upgrade::OnUpgrade) {
    let (Ok(outside), Ok(inside)) = tokio::join!(outside, inside) else { return };
    let (mut outside, mut inside) = (TokioIo::new(outside), TokioIo::new(inside));
    let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
}
