//! Whether the server is there, and whether it takes more.

use super::{problem::Problem, served::Served};
use axum::{Json, extract::State};
use desk::{DeskError, QueueState};
use serde::Serialize;
use utoipa::ToSchema;

/// What runs, waits and is kept.
#[derive(Debug, Serialize, ToSchema)]
pub struct Readiness {
    /// Always `ready`.
    status: &'static str,
    /// What waits and runs.
    #[schema(value_type = Object)]
    queue: QueueState,
    /// Sandboxes that are kept.
    sandboxes: usize,
    /// The server's version.
    version: &'static str,
    /// What is installed where a request does not say.
    template: Option<String>,
}

/// The process lives.
#[utoipa::path(get, path = "/healthz", tag = "server", responses((status = 200, description = "It does", body = String, content_type = "text/plain")))]
pub async fn alive() -> &'static str {
    "ok\n"
}

/// The server takes requests.
#[utoipa::path(
    get, path = "/readyz", tag = "server",
    responses(
        (status = 200, description = "It does", body = Readiness),
    )
)]
pub async fn ready(State(served): State<Served>) -> Result<Json<Readiness>, Problem> {
    if served.desk.is_closing() {
        return Err(DeskError::Closing.into());
    }
    let (queue, sandboxes) = (served.desk.queue_state(), served.desk.sandbox_count());
    let (version, template) = (env!("CARGO_PKG_VERSION"), served.room.template.clone());
    Ok(Json(Readiness { status: "ready", queue, sandboxes, version, template }))
}
