//! Who sends a request: by its key, or the machine's owner where that one needs none.

use super::{doors::Owner, problem::Problem, served::Served};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use desk::Visitor;

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// What proxies add about whom they speak for.
const PROXIES_SAY: [&str; 4] = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];

/// Finds out who it is, counts the request, and turns strangers away.
pub async fn recognise(State(served): State<Served>, mut request: Request, next: Next) -> Response {
    let owner = request.extensions().get::<Owner>().is_some();
    match visitor(&served, request.headers(), owner) {
        Ok(visitor) => {
            if let Err(error) = visitor.count_request() {
                return Problem::from(error).into_response();
            }
            request.extensions_mut().insert(visitor);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

/// Who it is, by the key that is sent, or without one.
pub fn visitor(served: &Served, headers: &HeaderMap, owner: bool) -> Result<Visitor, Problem> {
    let stranger = |what| Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", what);
    match key(headers) {
        Some(key) => match served.keys.visitor(key) {
            Ok(Some(visitor)) => Ok(visitor),
            Ok(None) => Err(stranger("recognise this key: it is wrong, revoked or has expired")),
            Err(error) => {
                tracing::error!("cannot {error}");
                Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "keys", "look at keys now"))
            }
        },
        None if needs_no_key(served, headers, owner) => Ok(Visitor::local()),
        None => {
            let hint = "send a key as `Authorization: Bearer KEY` or `X-API-Key: KEY`; `belljar key create` makes one";
            Err(stranger("answer without a key").hint(hint))
        }
    }
}

/// Whether whoever comes so needs no key.
pub fn needs_no_key(served: &Served, headers: &HeaderMap, owner: bool) -> bool {
    owner || served.open && !was_passed_on(headers)
}

/// Whether a proxy passed the request on: then it need not come from this machine, whatever its connection says.
fn was_passed_on(headers: &HeaderMap) -> bool {
    PROXIES_SAY.iter().any(|name| headers.contains_key(*name))
}

/// What stands where a key is sent, whatever it is.
fn key(headers: &HeaderMap) -> Option<&str> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    match text(header::AUTHORIZATION) {
        Some(text) => {
            let (scheme, key) = text.split_once(' ').unwrap_or((text, ""));
            Some(if scheme.eq_ignore_ascii_case("bearer") { key.trim() } else { "?" })
        }
        None => text(API_KEY),
    }
}
