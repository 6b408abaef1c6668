//! Errors as the SDKs read them: JSON with the status again as `code`, and a `message`. Without both, some crash.

use crate::http::{routes, status};
use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use desk::DeskError;
use serde_json::json;
use std::{any::Any, time::Duration};

/// Python clients repeat some requests unless this says otherwise.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("should-retry");

/// Why a request was not carried out.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// The status.
    pub status: StatusCode,
    /// What was not possible, and why.
    pub message: String,
    retry_after: Option<Duration>,
}

impl Refusal {
    /// With this status and message.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Refusal {
        Refusal { status, message: message.into(), retry_after: None }
    }

    /// A part of the request makes no sense.
    pub fn request(message: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, message)
    }

    /// There is no such thing.
    pub fn not_found(message: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::NOT_FOUND, message)
    }

    /// Whoever asks may not.
    pub fn stranger(message: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::UNAUTHORIZED, message)
    }

    /// A mistake of ours. What it was is in the log only.
    pub fn of_panic(panic: Box<dyn Any + Send>) -> Response {
        tracing::error!("a request ended in a panic: {}", routes::said(&*panic));
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "cannot answer: this is a mistake of the server's")
            .into_response()
    }

    /// A call of E2B's that is not there.
    pub fn missing(what: &str) -> Refusal {
        let message = format!("belljar does not have {what}; docs/guides/e2b.md lists what there is");
        Refusal::new(StatusCode::NOT_IMPLEMENTED, message)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        if self.status.is_server_error() && self.status != StatusCode::NOT_IMPLEMENTED {
            tracing::error!("cannot answer: {}", self.message);
        }
        let body = json!({"code": self.status.as_u16(), "message": self.message});
        let mut response = (self.status, axum::Json(body)).into_response();
        let headers = response.headers_mut();
        if let Some(after) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(after.as_secs_f64().ceil() as u64));
        } else if self.status.is_server_error() {
            headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
        }
        response
    }
}

impl From<DeskError> for Refusal {
    fn from(error: DeskError) -> Refusal {
        let mut message = format!("cannot {error}");
        if let Some(hint) = error.hint() {
            message = format!("{message}: {hint}");
        }
        Refusal { status: status::of(&error), message, retry_after: error.retry_after() }
    }
}

impl From<interpreter::Error> for Refusal {
    fn from(error: interpreter::Error) -> Refusal {
        DeskError::from(error).into()
    }
}
