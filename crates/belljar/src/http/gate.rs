//! From where requests may come: the names under which this server is known, and the pages that may call it.
//!
//! A page of a stranger can make a browser send requests to a server on its user's machine, also under a name that the
//! stranger's own domain server made up. Such requests name a host that is not ours, or an origin that is not allowed.

use super::{problem::Problem, served::Served};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

const LOCAL: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";
const HEADERS: &str = "authorization, content-type, idempotency-key, if-match, if-none-match, last-event-id, mcp-method, mcp-name, mcp-protocol-version, mcp-session-id, range, x-api-key, x-request-id";
const SHOWN: &str = "etag, location, mcp-session-id, retry-after, x-execution-id, x-request-id";

/// Names and origins.
#[derive(Debug, Clone, Default)]
pub struct Gate {
    /// Names of this server, besides those of the machine itself, without a port.
    pub hosts: Vec<String>,
    /// Whether other names are turned away.
    pub checks_hosts: bool,
    /// Pages that may call it, as `https://example.org`.
    pub origins: Vec<String>,
}

impl Gate {
    fn check(&self, headers: &HeaderMap) -> Result<Option<HeaderValue>, Problem> {
        let host = text(headers, header::HOST).unwrap_or_default();
        let name = without_port(host).to_ascii_lowercase();
        let known = LOCAL.contains(&name.as_str()) || self.hosts.contains(&name);
        if self.checks_hosts && !known {
            let problem = Problem::new(StatusCode::MISDIRECTED_REQUEST, "host", "answer under this name");
            return Err(problem.hint("`belljar serve --allow-host NAME` adds a name"));
        }
        let Some(origin) = text(headers, header::ORIGIN) else {
            return Ok(None);
        };
        if self.origins.iter().any(|allowed| allowed == origin) {
            return Ok(headers.get(header::ORIGIN).cloned());
        }
        let own = ["http://", "https://"].iter().any(|scheme| origin.strip_prefix(scheme) == Some(host));
        if own && known {
            return Ok(None);
        }
        let problem = Problem::new(StatusCode::FORBIDDEN, "origin", "answer to pages of this origin");
        Err(problem.hint("`belljar serve --allow-origin ORIGIN` allows one"))
    }
}

/// Turns away what does not come from where it may.
pub async fn check(State(served): State<Served>, request: Request, next: Next) -> Response {
    let origin = match served.gate.check(request.headers()) {
        Ok(origin) => origin,
        Err(problem) => return problem.into_response(),
    };
    let Some(origin) = origin else {
        return next.run(request).await;
    };
    let asks_first = request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match asks_first {
        true => StatusCode::NO_CONTENT.into_response(),
        false => next.run(request).await,
    };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    let more: [(HeaderName, &str); 2] = match asks_first {
        true => {
            [(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS), (header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS)]
        }
        false => {
            [(header::ACCESS_CONTROL_EXPOSE_HEADERS, SHOWN), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")]
        }
    };
    for (name, value) in more {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).map(|value| value.to_str().unwrap_or("?"))
}

/// A host without the port that may follow its name.
pub fn without_port(host: &str) -> &str {
    let end = host.rfind(']').map_or(0, |at| at + 1);
    match host[end..].find(':') {
        Some(at) => &host[..end + at],
        None => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_names_and_pages_are_turned_away() {
        let gate = Gate {
            hosts: vec!["jar.example".into()],
            checks_hosts: true,
            origins: vec!["https://app.example".into()],
        };
        let rows: [(&str, Option<&str>, Result<bool, &str>); 12] = [
            ("127.0.0.1:7070", None, Ok(false)),
            ("LOCALHOST", None, Ok(false)),
            ("[::1]:7070", None, Ok(false)),
            ("jar.example:7070", None, Ok(false)),
            ("evil.example:7070", None, Err("host")),
            ("127.0.0.1.evil.example", None, Err("host")),
            ("", None, Err("host")),
            ("127.0.0.1:7070", Some("http://127.0.0.1:7070"), Ok(false)),
            ("127.0.0.1:7070", Some("http://127.0.0.1:8080"), Err("origin")),
            ("127.0.0.1:7070", Some("https://app.example"), Ok(true)),
            ("127.0.0.1:7070", Some("https://app.example.evil"), Err("origin")),
            ("127.0.0.1:7070", Some("null"), Err("origin")),
        ];
        for (host, origin, expected) in rows {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().unwrap());
            }
            let got = gate
                .check(&headers)
                .map(|origin| origin.is_some())
                .map_err(|problem| problem.code().to_owned());
            assert_eq!(got, expected.map_err(str::to_owned), "{host} {origin:?}");
        }
    }
}
