//! What comes in: JSON of a bounded size within a bounded time, queries, and streams that may not fall asleep.

use super::{problem::Problem, served::Served};
use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, FromRequestParts, Query, Request},
    http::{StatusCode, header, request::Parts},
};
use bytes::BytesMut;
use futures_util::stream;
use http_body_util::BodyExt;
use hyper::body::Body as _;
use serde::de::DeserializeOwned;
use std::{io, time::Duration};
use tokio::{
    io::AsyncRead,
    sync::{Semaphore, SemaphorePermit},
};
use tokio_util::io::StreamReader;

/// Longest JSON, in bytes: code of 16 MiB, escaped, and files.
pub const JSON_BYTES_MAX: usize = 64 << 20;
/// Bodies that are read or worked on take no more memory together, but for the first unit of each.
const ROOM_BYTES: usize = 256 << 20;
const UNIT_BYTES: usize = 64 << 10;
static ROOM: Semaphore = Semaphore::const_new(ROOM_BYTES / UNIT_BYTES);
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
    _room: SemaphorePermit<'static>,
}

/// A body that has come, and the room that it takes.
#[derive(Debug)]
pub struct Whole {
    /// All of it.
    pub bytes: Bytes,
    /// Its share of the memory for bodies; to be held as long as they are.
    pub room: SemaphorePermit<'static>,
}

impl<T: DeserializeOwned> FromRequest<Served> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Served) -> Result<Json<T>, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE).cloned();
        let Whole { bytes, room } = whole(request.into_body(), JSON_BYTES_MAX).await?;
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
        let wrong = |why: &dyn std::fmt::Display| {
            Problem::new(StatusCode::BAD_REQUEST, "body", format!("read this body: {why}"))
                .hint("/openapi.json describes what is expected")
        };
        // Serde would take an array as the values of an object's properties, in their order.
        if text.trim_ascii_start().first() == Some(&b'[') {
            return Err(wrong(&"it is an array, not an object"));
        }
        let value = serde_json::from_slice(text).map_err(|error| wrong(&error))?;
        Ok(Json { value, bytes, _room: room })
    }
}

/// All bytes of a body.
pub async fn whole(body: Body, bytes_max: usize) -> Result<Whole, Problem> {
    match tokio::time::timeout(JSON_TIME, read(body, bytes_max, &ROOM)).await {
        Ok(read) => read,
        Err(_) => Err(too_slow()),
    }
}

/// Takes room as bytes come, not as they are promised: who only promises holds up nobody.
async fn read(mut body: Body, bytes_max: usize, room: &'static Semaphore) -> Result<Whole, Problem> {
    let broken = || Problem::new(StatusCode::BAD_REQUEST, "body", "read this body: it broke off");
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(too_large(bytes_max));
    }
    let (mut bytes, mut taken) = (BytesMut::new(), room.try_acquire_many(0).map_err(|_| full())?);
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(|_| broken())?.into_data() else { continue };
        if bytes.len() + piece.len() > bytes_max {
            return Err(too_large(bytes_max));
        }
        bytes.extend_from_slice(&piece);
        let more = (bytes.len() / UNIT_BYTES).saturating_sub(taken.num_permits());
        if more > 0 {
            let more = room.try_acquire_many(u32::try_from(more).unwrap_or(u32::MAX));
            taken.merge(more.map_err(|_| full())?);
        }
    }
    Ok(Whole { bytes: bytes.freeze(), room: taken })
}

fn too_large(bytes_max: usize) -> Problem {
    let what = format!("take a body of more than {bytes_max} bytes");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", what)
        .hint("upload large files one by one with PUT")
}

/// Too many large bodies at once.
fn full() -> Problem {
    let what = "take a body of this size now: others take all the room";
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "busy", what)
        .hint("upload large files one by one with PUT")
        .retry_after(Duration::from_secs(1))
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

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    /// A body of so many pieces of a kibibyte, one every so many seconds; it never ends by itself where `ends` does not
    /// say so.
    fn slow(pieces: usize, seconds: u64, ends: bool) -> Body {
        let bodies = stream::unfold(0, move |at| async move {
            if at == pieces && !ends {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            (at < pieces).then(|| (Ok::<_, io::Error>(Bytes::from(vec![b' '; 1024])), at + 1))
        });
        Body::from_stream(bodies)
    }

    #[tokio::test(start_paused = true)]
    async fn json_comes_in_time_and_is_bounded() {
        assert_eq!(whole(slow(10, 1, true), 10 << 10).await.unwrap().bytes.len(), 10 << 10);
        let rows = [
            (slow(0, 0, false), 1 << 20, "too_slow"),
            (slow(100, 10, true), 1 << 20, "too_slow"),
            (slow(10, 0, true), (10 << 10) - 1, "too_large"),
            (Body::from(vec![0; 2048]), 2047, "too_large"),
            (Body::from_stream(stream::iter([Err::<Bytes, _>(io::Error::other("gone"))])), 9, "body"),
        ];
        for (body, bytes_max, code) in rows {
            assert_eq!(whole(body, bytes_max).await.unwrap_err().code(), code);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn large_bodies_share_their_room() {
        static FEW: Semaphore = Semaphore::const_new(3);
        let body = |units: usize| read(Body::from(vec![0; units * UNIT_BYTES]), 1 << 30, &FEW);
        let promised = tokio::spawn(read(slow(1, 0, false), 1 << 30, &FEW));
        let first = body(2).await.unwrap();
        assert_eq!(body(2).await.unwrap_err().code(), "busy");
        drop((body(1).await.unwrap(), first));
        assert!(body(3).await.is_ok());
        promised.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn streams_may_be_slow_and_not_asleep() {
        let mut got = Vec::new();
        stream(slow(100, 20, true)).read_to_end(&mut got).await.unwrap();
        assert_eq!(got.len(), 100 << 10);
        let error = stream(slow(3, 20, false)).read_to_end(&mut Vec::new()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
