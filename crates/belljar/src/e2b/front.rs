//! Where a request goes: to the control plane, or into a sandbox that its headers or its host name.

use super::{code, envd, place::Place, ports, refusal::Refusal};
use crate::http::{Served, doors::Hangup};
use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http_body_util::BodyExt;
use std::time::Duration;
use tower_service::Service;

const SANDBOX: &str = "e2b-sandbox-id";
const PORT: &str = "e2b-sandbox-port";
const TRAFFIC_TOKEN: &str = "e2b-traffic-access-token";
const CONTROL: [&str; 2] = ["/sandboxes/", "/v2/sandboxes/"];
const ENVD: u16 = 49983;
const CODE: u16 = 49999;
/// How much of a body is read that nobody wants, and for how long.
const UNWANTED_BYTES: usize = 256 << 10;
const UNWANTED_TIME: Duration = Duration::from_secs(1);

/// Both planes of sandboxes, and where sandboxes are found.
#[derive(Clone)]
pub struct Front {
    served: Served,
    envd: Router,
    code: Router,
}

/// What a request names.
#[derive(Debug, PartialEq)]
struct Target {
    id: String,
    port: u16,
}

impl Front {
    /// In front of these.
    pub fn new(served: Served) -> Front {
        let (envd, code) = (envd::routes(served.clone()), code::routes(served.clone()));
        Front { served, envd, code }
    }
}

/// Leads requests for sandboxes there; others go on.
pub async fn divert(State(front): State<Front>, mut request: Request, next: Next) -> Response {
    let hangup = request.extensions().get::<Hangup>().cloned().unwrap_or_default();
    let target = match target(request.headers()) {
        Some(Ok(target)) => target,
        Some(Err(refusal)) => return refused(request, refusal).await,
        None if envd::is_signed(&request) => {
            return match envd::place_of_signed(&front.served.desk, &request, &hangup) {
                Ok(place) => enter(front.envd, place, request).await,
                Err(refusal) => refused(request, refusal).await,
            };
        }
        None => return next.run(request).await,
    };
    // Old clients name the sandbox also where they ask the control plane about it.
    if target.port == ENVD && CONTROL.iter().any(|path| request.uri().path().starts_with(path)) {
        return next.run(request).await;
    }
    let place = match Place::find(&front.served.desk, &target.id, hangup).await {
        Ok(place) => place,
        Err(gone) => return refused(request, gone).await,
    };
    let token = request.headers().get(TRAFFIC_TOKEN).map(|token| token.as_bytes());
    if target.port != ENVD && !place.room.knows_traffic(token) {
        let message = "the traffic of this sandbox needs its token in e2b-traffic-access-token";
        return refused(request, Refusal::new(StatusCode::FORBIDDEN, message)).await;
    }
    match target.port {
        ENVD => enter(front.envd, place, request).await,
        CODE => enter(front.code, place, request).await,
        port => {
            for name in [SANDBOX, PORT, TRAFFIC_TOKEN] {
                request.headers_mut().remove(name);
            }
            ports::pass(place, port, request).await
        }
    }
}

/// Refuses a request once its body has come, as far as it comes soon: a connection that is closed in the middle of a body
/// fails the next request on it, which clients have sent already.
pub async fn refused(request: Request, refusal: impl IntoResponse) -> Response {
    let mut body = request.into_body();
    let mut left = UNWANTED_BYTES;
    let drained = async {
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, |bytes| bytes.len()));
            if left == 0 {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(UNWANTED_TIME, drained).await;
    refusal.into_response()
}

async fn enter(mut plane: Router, place: Place, mut request: Request) -> Response {
    request.extensions_mut().insert(place);
    match plane.call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

fn target(headers: &HeaderMap) -> Option<Result<Target, Refusal>> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    if let Some(id) = text(SANDBOX) {
        let port = text(PORT).map_or(Some(ENVD), |port| port.parse().ok().filter(|port| *port > 0));
        let wrong = || Refusal::request("e2b-sandbox-port is no port");
        return Some(port.map(|port| Target { id: id.to_owned(), port }).ok_or_else(wrong));
    }
    let host = headers.get(header::HOST)?.to_str().ok()?;
    named_by_host(host).map(Ok)
}

/// `<port>-<sandbox>.<domain>`.
fn named_by_host(host: &str) -> Option<Target> {
    let (label, _) = host.split_once('.')?;
    let (port, id) = label.split_once('-')?;
    let sound = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let port = port.parse().ok().filter(|port: &u16| *port > 0 && sound)?;
    Some(Target { id: id.to_ascii_lowercase(), port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_headers_name_sandboxes() {
        let id = "0123456789abcdef0123456789abcdef";
        let rows: [(&str, Option<u16>); 8] = [
            ("3000-ID.localhost:7070", Some(3000)),
            ("49983-ID.jar.example", Some(49983)),
            ("0-ID.jar.example", None),
            ("99999-ID.jar.example", None),
            ("3000-ID", None),
            ("api.jar.example", None),
            ("3000-short.jar.example", None),
            ("127.0.0.1:7070", None),
        ];
        for (host, port) in rows {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.replace("ID", id).parse().unwrap());
            let expected = port.map(|port| Ok(Target { id: id.to_owned(), port }));
            assert_eq!(target(&headers), expected, "{host}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(SANDBOX, "abc".parse().unwrap());
        assert_eq!(target(&headers), Some(Ok(Target { id: "abc".into(), port: ENVD })));
        headers.insert(PORT, "8080".parse().unwrap());
        assert_eq!(target(&headers), Some(Ok(Target { id: "abc".into(), port: 8080 })));
        headers.insert(PORT, "x".parse().unwrap());
        assert_eq!(target(&headers).unwrap().unwrap_err().status, StatusCode::BAD_REQUEST);
    }
}
