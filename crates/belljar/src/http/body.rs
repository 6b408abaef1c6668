//! What comes in: JSON of a bounded size within a bounded time, queries, and streams that may not fall asleep.

use super::{problem::Problem, served::Served};
use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, FromRequestParts, Query, Request},
    http::{StatusCode, header, request::Parts},
};
use futures_util::stream;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use std::{io, time::Duration};
use tokio::io::AsyncRead;
use tokio_util::io::StreamReader;

/// Longest JSON, in bytes: code of 16 MiB, escaped, and files.
pub const JSON_BYTES_MAX: usize = 64 << 20;
/// How long JSON may take to come.
const JSON_TIME: Duration = Duration::from_secs(60);
/// How long a stream may bring nothing.
const IDLE_TIME: Duration = Duration::from_secs(30);

/// JSON, and the bytes that it was. An empty body counts as `{}`.
pub struct Json<T> {
    /// What it says.
    pub value: T,
    /// As it came.
    pub bytes: Bytes,
}

impl<T: DeserializeOwned> FromRequest<Served> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Served) -> Result<Json<T>, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE).cloned();
        let bytes = whole(request.into_body(), JSON_BYTES_MAX).await?;
        let is_json = kind.is_none_or(|kind| {
            let kind = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
            kind.trim().eq_ignore_ascii_case("application/json")
        });
        if !bytes.is_empty() && !is_json {
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(Problem::new(
                status,
                "media_type",
                "read this body: it is not called application/json",
            ));
        }
        let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        let value = serde_json::from_slice(text).map_err(|error| {
            Problem::new(StatusCode::BAD_REQUEST, "body", format!("read this body: {error}"))
                .hint("/openapi.json describes what is expected")
        })?;
        Ok(Json { value, bytes })
    }
}

/// All bytes of a body.
pub async fn whole(body: Body, bytes_max: usize) -> Result<Bytes, Problem> {
    let collected = Limited::new(body, bytes_max).collect();
    match tokio::time::timeout(JSON_TIME, collected).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let what = format!("take a body of more than {bytes_max} bytes");
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", what)
                .hint("upload large files one by one with PUT"))
        }
        Ok(Err(_)) => Err(Problem::new(StatusCode::BAD_REQUEST, "body", "read this body: it broke off")),
        Err(_) => Err(too_slow()),
    }
}

/// A body that took too long.
pub fn too_slow() -> Problem {
    Problem::new(StatusCode::REQUEST_TIMEOUT, "too_slow", "wait for the rest of this body")
}

/// A query whose names are all known.
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Served> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Served) -> Result<Asked<T>, Problem> {
        match Query::<T>::try_from_uri(&parts.uri) {
            Ok(Query(value)) => Ok(Asked(value)),
            Err(error) => {
                let what = format!("read this query: {}", error.body_text());
                Err(Problem::new(StatusCode::BAD_REQUEST, "query", what))
            }
        }
    }
}

/// A body as a stream of bytes that fails where nothing comes for too long.
pub fn stream(body: Body) -> impl AsyncRead + Unpin + Send {
    let pieces = stream::unfold(Some(body), |body| async move {
        let mut body = body?;
        loop {
            match tokio::time::timeout(IDLE_TIME, body.frame()).await {
                Err(_) => return Some((Err(io::Error::from(io::ErrorKind::TimedOut)), None)),
                Ok(None) => return None,
                Ok(Some(Err(error))) => return Some((Err(io::Error::other(error)), None)),
                Ok(Some(Ok(frame))) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Some((Ok(bytes), Some(body)));
                    }
                }
            }
        }
    });
    StreamReader::new(Box::pin(pieces))
}
