//! Every request has an id: its own where it brings a sound one, else a new one. It is in the response, in problem
//! details and in the log.

use super::problem::Problem;
use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};
use interpreter::random_bits;
use std::time::Instant;
use tracing::Instrument;

/// The header.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const LENGTH_MAX: usize = 64;

/// Gives the request an id and writes one line about it.
pub async fn name(request: Request, next: Next) -> Response {
    let id = given(&request).unwrap_or_else(|| format!("req_{:032x}", random_bits()));
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let began = Instant::now();
    // Whatever is logged on its behalf names it, also by tasks that outlive it.
    let span = tracing::info_span!("request", id);
    let mut response = next.run(request).instrument(span).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let headers = std::mem::take(response.headers_mut());
        response = problem.respond(&id);
        for (name, value) in headers {
            if let Some(name) = name.filter(|name| !response.headers().contains_key(name)) {
                response.headers_mut().insert(name, value);
            }
        }
        response.headers_mut().remove(axum::http::header::CONTENT_LENGTH);
    }
    let (status, ms) = (response.status().as_u16(), began.elapsed().as_secs_f64() * 1000.0);
    tracing::info!(request = id, %method, path, status, ms, "answered");
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

fn given(request: &Request) -> Option<String> {
    let text = request.headers().get(REQUEST_ID)?.to_str().ok()?;
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (!text.is_empty() && text.len() <= LENGTH_MAX && text.bytes().all(sound)).then(|| text.to_owned())
}
