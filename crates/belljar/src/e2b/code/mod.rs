//! The code interpreter: cells run in contexts, and what they say comes as lines of JSON while they run.

mod contexts;
mod execute;
mod lines;
mod results;

pub use contexts::Contexts;

use crate::http::Served;
use axum::http::StatusCode;
use axum::{
    Router,
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};

/// All of it.
pub fn routes(served: Served) -> Router {
    Router::new()
        .route("/execute", post(execute::execute))
        .route("/contexts", post(contexts::create).get(contexts::list))
        .route("/contexts/{context}", delete(contexts::remove))
        .route("/contexts/{context}/restart", post(contexts::restart))
        .route("/health", get(async || axum::Json("OK")))
        .fallback(async || {
            Plain::new(StatusCode::NOT_IMPLEMENTED, "belljar does not have this call of the code interpreter")
        })
        .with_state(served)
}

/// An error as clients of the code interpreter read it: plain text.
#[derive(Debug)]
pub struct Plain {
    status: StatusCode,
    message: String,
}

impl Plain {
    /// With this status and message.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Plain {
        Plain { status, message: message.into() }
    }
}

impl IntoResponse for Plain {
    fn into_response(self) -> Response {
        (self.status, self.message).into_response()
    }
}
