//! `/mcp`: the tools for clients of the Model Context Protocol, over streamable HTTP.
//!
//! Keys, names, origins and the size of bodies are checked as for all other addresses; the protocol's library does the
//! rest. A session, which only the revisions with a handshake have, belongs to the caller who began it and keeps
//! nothing but its streams: what lasts is in sandboxes.

use super::{
    body::{JSON_BYTES_MAX, Whole, whole},
    problem::Problem,
    served::Served,
};
use crate::mcp::{Shared, Whose, over_http};
use axum::{
    Extension,
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use desk::{Scope, Visitor};
use http_body_util::Full;
use interpreter::Caller;
use rmcp::transport::streamable_http_server::{
    StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// How long a session is kept without being used; longer than anything runs.
const SESSION_IDLE: Duration = Duration::from_secs(3600);
/// Sessions of one caller.
const SESSIONS_MAX: usize = 1000;
const SESSION_ID: &str = "mcp-session-id";

/// What is served there, and the sessions of each caller.
pub struct Mcp {
    shared: Arc<Shared>,
    sessions: Mutex<HashMap<Caller, Arc<LocalSessionManager>>>,
    stop: CancellationToken,
}

impl Mcp {
    /// Without a session yet.
    pub fn new(shared: Arc<Shared>) -> Mcp {
        Mcp { shared, sessions: Mutex::default(), stop: CancellationToken::new() }
    }

    /// Ends all streams and sessions.
    pub fn close(&self) {
        self.stop.cancel();
    }

    fn sessions(&self, caller: &Caller) -> Arc<LocalSessionManager> {
        let mut all = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let own = all.entry(caller.clone()).or_insert_with(|| {
            let mut sessions = LocalSessionManager::default();
            sessions.session_config.keep_alive = Some(SESSION_IDLE);
            Arc::new(sessions)
        });
        own.clone()
    }

    /// Hosts and origins are not looked at again.
    fn config(&self) -> StreamableHttpServerConfig {
        StreamableHttpServerConfig::default()
            .disable_allowed_hosts()
            .disable_allowed_origins()
            .with_max_request_body_bytes(JSON_BYTES_MAX)
            .with_cancellation_token(self.stop.clone())
    }
}

/// One message of a client, or one stream for it.
pub async fn answer(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> Result<Response, Problem> {
    visitor.check(Scope::Execute)?;
    let sessions = served.mcp.sessions(visitor.caller());
    let (head, body) = request.into_parts();
    let Whole { bytes, room: _room } = whole(body, JSON_BYTES_MAX).await?;
    let begins = !head.headers.contains_key(SESSION_ID);
    if begins && sessions.sessions.read().await.len() >= SESSIONS_MAX {
        let what = format!("begin another session: there are {SESSIONS_MAX} already");
        return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "sessions", what)
            .hint("end sessions with DELETE; unused ones end by themselves"));
    }
    let shared = served.mcp.shared.clone();
    let handler = move || Ok(over_http(shared.clone(), Whose::Each));
    let service = StreamableHttpService::new(handler, sessions, served.mcp.config());
    let response = service.handle(Request::from_parts(head, Full::new(bytes))).await;
    Ok(response.map(Body::new))
}
