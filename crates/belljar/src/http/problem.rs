//! Errors as RFC 9457 problem details. A request's id is added on the way out; what is ours to know is only logged.

use super::status;
use crate::cli::failure;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use desk::{DeskError, QueueState};
use serde::Serialize;
use std::time::Duration;

/// Why a request was not carried out.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem(Box<Details>);

/// What a client is told about it.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub struct Details {
    /// A URN of the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// For programs: a word that never changes.
    pub code: String,
    /// What was not possible, and why.
    pub detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Why exactly, where a code has several reasons: for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How much waits and runs, where that is why.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub queue: Option<QueueState>,
    /// The request, as logs name it.
    pub request_id: String,
    #[serde(skip)]
    retry_after: Option<Duration>,
}

impl Problem {
    /// With this status and code; the text fits after "cannot ".
    pub fn new(status: StatusCode, code: &str, what: impl std::fmt::Display) -> Problem {
        Problem(Box::new(Details {
            kind: format!("urn:belljar:problem:{code}"),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            code: code.to_owned(),
            detail: format!("cannot {what}"),
            hint: None,
            reason: None,
            queue: None,
            request_id: String::new(),
            retry_after: None,
        }))
    }

    /// A part of the request makes no sense.
    pub fn request(what: impl std::fmt::Display) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "request", what)
    }

    /// There is no such thing for this caller.
    pub fn not_found(what: impl std::fmt::Display) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "not_found", what)
    }

    /// The same with advice.
    pub fn hint(mut self, hint: impl Into<String>) -> Problem {
        self.0.hint = Some(hint.into());
        self
    }

    /// The same with the time after which another try may succeed.
    pub fn retry_after(mut self, after: Duration) -> Problem {
        self.0.retry_after = Some(after);
        self
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// What was not possible, and why.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// For programs: a word that never changes.
    #[cfg(test)]
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// The response of a request with this id.
    pub fn respond(mut self, request_id: &str) -> Response {
        if self.0.status >= 500 {
            tracing::error!(request = request_id, code = self.0.code, "{}", self.0.detail);
        }
        self.0.request_id = request_id.to_owned();
        self.0.bare()
    }
}

impl Details {
    /// The response without the request's id.
    fn bare(&self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let text = serde_json::to_vec(self).unwrap_or_default();
        let mut response = (status, text).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(after) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(after.as_secs_f64().ceil() as u64));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.0.bare();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<DeskError> for Problem {
    fn from(error: DeskError) -> Problem {
        let text = error.to_string();
        let mut problem = Problem::new(status::of(&error), error.code(), failure::without_number(&text));
        problem.0.hint = error.hint().map(|hint| hint.into_owned());
        problem.0.retry_after = error.retry_after();
        if let DeskError::Interpreter(interpreter::Error::ForkRefused { reason, .. }) = &error {
            problem.0.reason = Some(reason.clone());
        }
        if let DeskError::Busy { queue, .. } = &error {
            problem.0.queue = Some(*queue);
        }
        problem
    }
}

impl From<interpreter::Error> for Problem {
    fn from(error: interpreter::Error) -> Problem {
        DeskError::from(error).into()
    }
}
