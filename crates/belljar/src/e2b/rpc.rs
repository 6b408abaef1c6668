//! Connect with its JSON codec, as much as the SDKs use: unary calls, and streams of messages in envelopes.
//!
//! What a call means is not known here. Errors of streams come in the last envelope, of unary calls with a status.

use crate::http::body;
use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Request},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::{Buf, BytesMut};
use futures_util::stream;
use http_body_util::BodyExt;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::{io, time::Duration};
use tokio::{sync::mpsc, time::Instant};

const STREAM: &str = "application/connect+json";
const MESSAGE_BYTES_MAX: usize = 16 << 20;
const LAST: u8 = 2;
const COMPRESSED: u8 = 1;
const HEAD: usize = 5;
/// Messages that were not sent yet.
const WAITING: usize = 8;
const KEEPALIVE: Duration = Duration::from_secs(90);
const TIMEOUT_MAX: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// What went wrong, in Connect's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Code {
    InvalidArgument,
    DeadlineExceeded,
    NotFound,
    AlreadyExists,
    PermissionDenied,
    ResourceExhausted,
    Unimplemented,
    Internal,
    Unavailable,
    Unauthenticated,
    Unknown,
}

impl Code {
    fn status(self) -> StatusCode {
        match self {
            Code::InvalidArgument => StatusCode::BAD_REQUEST,
            Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
            Code::NotFound => StatusCode::NOT_FOUND,
            Code::AlreadyExists => StatusCode::CONFLICT,
            Code::PermissionDenied => StatusCode::FORBIDDEN,
            Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
            Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
            Code::Internal | Code::Unknown => StatusCode::INTERNAL_SERVER_ERROR,
            Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        }
    }
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RpcError {
    code: Code,
    message: String,
}

impl RpcError {
    /// With this code and message.
    pub fn new(code: Code, message: impl Into<String>) -> RpcError {
        RpcError { code, message: message.into() }
    }
}

impl IntoResponse for RpcError {
    fn into_response(self) -> Response {
        (self.code.status(), axum::Json(self)).into_response()
    }
}

/// The message of a unary call.
pub struct Unary<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Unary<T> {
    type Rejection = RpcError;

    async fn from_request(request: Request, _: &S) -> Result<Unary<T>, RpcError> {
        let whole = body::whole(request.into_body(), MESSAGE_BYTES_MAX).await;
        let whole = whole.map_err(|problem| RpcError::new(Code::InvalidArgument, problem.detail()))?;
        Ok(Unary(message(&whole.bytes)?))
    }
}

fn message<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, RpcError> {
    let text = if bytes.is_empty() { b"{}" } else { bytes };
    serde_json::from_slice(text)
        .map_err(|error| RpcError::new(Code::InvalidArgument, format!("cannot read this message: {error}")))
}

/// The one message of a call that is answered by a stream. What is wrong with it is told in the stream.
pub struct Streaming<T>(pub Result<T, RpcError>);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Streaming<T> {
    type Rejection = RpcError;

    async fn from_request(request: Request, _: &S) -> Result<Streaming<T>, RpcError> {
        let mut messages = Messages::of(request.into_body());
        let next = messages.next().await;
        let missing = || Err(RpcError::new(Code::InvalidArgument, "this call has no message"));
        Ok(Streaming(next.and_then(|next| next.map_or_else(missing, Ok))))
    }
}

/// Messages of a client, one after the other.
pub struct Messages {
    body: Body,
    bytes: BytesMut,
}

impl Messages {
    /// Those in a request's body.
    pub fn of(body: Body) -> Messages {
        Messages { body, bytes: BytesMut::new() }
    }

    /// The next one; `None` where the client has said all.
    pub async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, RpcError> {
        let wrong =
            |why: &str| RpcError::new(Code::InvalidArgument, format!("cannot read this stream: {why}"));
        loop {
            if let Some(&[flags, a, b, c, d]) = self.bytes.first_chunk::<HEAD>() {
                let length = u32::from_be_bytes([a, b, c, d]) as usize;
                if length > MESSAGE_BYTES_MAX {
                    return Err(wrong("a message has more than 16 MiB"));
                }
                if flags & COMPRESSED != 0 {
                    return Err(wrong("compressed messages are not taken"));
                }
                if self.bytes.len() >= HEAD + length {
                    self.bytes.advance(HEAD);
                    let bytes = self.bytes.split_to(length);
                    return if flags & LAST != 0 { Ok(None) } else { message(&bytes).map(Some) };
                }
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        self.bytes.extend_from_slice(&bytes);
                    }
                }
                Some(Err(_)) => return Err(wrong("it broke off")),
                None if self.bytes.is_empty() => return Ok(None),
                None => return Err(wrong("it ends in the middle of a message")),
            }
        }
    }
}

/// How long a call may take, where its client says so. A client stops listening at that moment by itself, and then knows less than
/// it would be told: it is told a little earlier, by a twentieth, 50 ms at most.
pub fn deadline(headers: &HeaderMap) -> Option<Instant> {
    let ms: u64 = headers.get("connect-timeout-ms")?.to_str().ok()?.parse().ok()?;
    Some(Instant::now() + Duration::from_millis(ms - (ms / 20).min(50)).min(TIMEOUT_MAX))
}

/// How often a client wants to hear something.
pub fn keepalive(headers: &HeaderMap) -> Duration {
    let asked = headers.get("keepalive-ping-interval").and_then(|every| every.to_str().ok()?.parse().ok());
    asked.filter(|seconds| *seconds > 0).map_or(KEEPALIVE, Duration::from_secs)
}

/// Whoever listened is gone.
#[derive(Debug)]
pub struct Away;

/// The sending end of a stream of messages.
pub struct Answer {
    pieces: mpsc::Sender<io::Result<Bytes>>,
}

/// A stream: its sending end, and the response that carries it.
pub fn stream() -> (Answer, Response) {
    let (pieces, receiver) = mpsc::channel(WAITING);
    let body = stream::unfold(receiver, |mut pieces| async move { Some((pieces.recv().await?, pieces)) });
    (Answer { pieces }, enveloped(Body::from_stream(body)))
}

/// A stream that fails before its first message.
pub fn failed(error: RpcError) -> Response {
    enveloped(Body::from(last(Some(&error))))
}

/// A stream of one message.
pub fn single(value: &impl Serialize) -> Response {
    let mut bytes = envelope(0, value);
    bytes.extend(last(None));
    enveloped(Body::from(bytes))
}

fn enveloped(body: Body) -> Response {
    let mut response = body.into_response();
    // With a charset behind it, Python clients do not know it.
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(STREAM));
    response
}

fn envelope(flags: u8, value: &impl Serialize) -> Vec<u8> {
    let text = serde_json::to_vec(value).unwrap_or_else(|_| b"{}".to_vec());
    let mut bytes = vec![flags];
    bytes.extend((text.len() as u32).to_be_bytes());
    bytes.extend(text);
    bytes
}

fn last(error: Option<&RpcError>) -> Vec<u8> {
    envelope(LAST, &error.map_or_else(|| json!({}), |error| json!({"error": error})))
}

impl Answer {
    /// Sends a message; waits while its reader is slow.
    pub async fn say(&self, message: &Value) -> Result<(), Away> {
        self.pieces.send(Ok(envelope(0, message).into())).await.map_err(|_| Away)
    }

    /// The end, or the error that it ends with.
    pub async fn end(self, error: Option<RpcError>) {
        let _ = self.pieces.send(Ok(last(error.as_ref()).into())).await;
    }

    /// Ends it in the middle.
    pub async fn break_off(self, error: io::Error) {
        let _ = self.pieces.send(Err(error)).await;
    }

    /// Waits until nobody listens any more.
    pub async fn away(&self) {
        self.pieces.closed().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A body that comes in pieces of this size.
    fn pieces(bytes: Vec<u8>, size: usize) -> Body {
        let pieces: Vec<io::Result<Bytes>> =
            bytes.chunks(size).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        Body::from_stream(stream::iter(pieces))
    }

    #[tokio::test]
    async fn envelopes_come_in_any_pieces() {
        let mut bytes = envelope(0, &json!({"a": 1}));
        bytes.extend(envelope(0, &json!({"b": "größe"})));
        for size in [1, 2, 5, 6, 100] {
            let mut messages = Messages::of(pieces(bytes.clone(), size));
            assert_eq!(messages.next::<Value>().await.unwrap(), Some(json!({"a": 1})));
            assert_eq!(messages.next::<Value>().await.unwrap(), Some(json!({"b": "größe"})));
            assert_eq!(messages.next::<Value>().await.unwrap(), None);
        }
    }

    #[tokio::test]
    async fn what_is_no_message_is_an_error() {
        let rows: [(Vec<u8>, &str); 4] = [
            (vec![0, 0, 0, 0, 9, b'{'], "in the middle"),
            (vec![0, 255, 255, 255, 255], "16 MiB"),
            (vec![1, 0, 0, 0, 0], "compressed"),
            (vec![0, 0, 0, 0, 1, b'x'], "expected value"),
        ];
        for (bytes, why) in rows {
            let error = Messages::of(Body::from(bytes)).next::<Value>().await.unwrap_err();
            assert!(error.message.contains(why), "{error:?}");
        }
    }
}
