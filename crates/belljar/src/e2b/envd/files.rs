//! Whole files over plain HTTP: read, and written in place.

use super::{access::User, paths::absolute, signing::Address};
use crate::{
    e2b::{place::Place, refusal::Refusal},
    http::{body, ranges},
};
use axum::{
    Extension, Json,
    body::Body,
    extract::{FromRequest, Multipart, Request, multipart::Field},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use futures_util::{TryStreamExt, stream};
use interpreter::{Attributes, Error, FileError};
use protocol::guest::{Entry, EntryKind};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use tokio::io::AsyncRead;
use tokio_util::io::{ReaderStream, StreamReader};

/// Files up to this size are read whole before they are sent.
const AT_ONCE_BYTES: u64 = 1 << 20;
const PIPE_BYTES: usize = 256 << 10;
/// What files are noted with, in their extended attributes.
pub const ATTRIBUTES: &str = "user.e2b.";
const METADATA: &str = "x-metadata-";
const METADATA_KEY_MAX: usize = 246;
const METADATA_BYTES_MAX: usize = 4096;

/// Reads a file.
pub async fn read(
    Extension(place): Extension<Place>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let address = Address::of(&uri)?;
    address.check(&Method::GET, &headers, &place.room)?;
    let path = absolute(&place, Some(address.user()?), address.path.as_deref().unwrap_or_default());
    let entry = place.kept.sandbox().files().resolve(&path).await.map_err(|error| refused(error, &path))?;
    if entry.kind == EntryKind::Directory {
        return Err(Refusal::request(format!("path '{path}' is a directory")));
    }
    if headers.get(header::RANGE).is_some() || entry.size > AT_ONCE_BYTES {
        return Ok(answer(place, &path, &entry, &headers));
    }
    // A small file is read before its size is told: it may be written to just now.
    let mut bytes = Vec::new();
    let files = place.kept.sandbox().files();
    let read = files.read_part(&entry.path, 0, 2 * AT_ONCE_BYTES, &mut bytes).await;
    read.map_err(|error| refused(error, &path))?;
    Ok((shown(&path), bytes).into_response())
}

fn shown(path: &str) -> [(HeaderName, String); 3] {
    let name = path.rsplit('/').next().unwrap_or_default();
    let name = percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC);
    [
        (header::CONTENT_TYPE, interpreter::guess_mime(path)),
        (header::CONTENT_DISPOSITION, format!("inline; filename*=UTF-8''{name}")),
        (header::VARY, "Accept-Encoding".to_owned()),
    ]
}

fn answer(place: Place, path: &str, entry: &Entry, headers: &HeaderMap) -> Response {
    let tag = format!("\"{:x}-{:x}\"", entry.modified_ms, entry.size);
    let more = [(header::ACCEPT_RANGES, "bytes".to_owned()), (header::ETAG, tag.clone())];
    let shown = (shown(path), more);
    let (status, from, to) = match ranges::part(headers, entry.size, &tag) {
        ranges::Part::Unchanged => return (StatusCode::NOT_MODIFIED, shown.0, shown.1).into_response(),
        ranges::Part::Nowhere => {
            let range = [(header::CONTENT_RANGE, format!("bytes */{}", entry.size))];
            return (StatusCode::RANGE_NOT_SATISFIABLE, range).into_response();
        }
        ranges::Part::Whole => (StatusCode::OK, 0, entry.size),
        ranges::Part::Bytes(from, to) => (StatusCode::PARTIAL_CONTENT, from, to),
    };
    let mut response =
        (status, shown.0, shown.1, send(place, entry.path.clone(), from, to - from)).into_response();
    let own = response.headers_mut();
    own.insert(header::CONTENT_LENGTH, HeaderValue::from(to - from));
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {from}-{}/{}", to - 1, entry.size);
        own.extend(HeaderValue::from_str(&range).map(|range| (header::CONTENT_RANGE, range)));
    }
    response
}

/// A part of a file as a body. It breaks off where the sandbox does.
fn send(place: Place, path: String, offset: u64, length: u64) -> Body {
    let (writer, reader) = tokio::io::duplex(PIPE_BYTES);
    tokio::spawn(async move {
        let sent = place.kept.sandbox().files().read_part(&path, offset, length, writer).await;
        if let Err(error) = sent {
            tracing::debug!("cannot {error}");
            place.hangup.ask();
        }
    });
    Body::from_stream(ReaderStream::new(reader))
}

/// A file that was written.
#[derive(Debug, Serialize)]
pub struct Written {
    name: String,
    path: String,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<String, String>,
}

/// Writes the files of a form, or the body as one file.
pub async fn write(
    Extension(place): Extension<Place>,
    request: Request,
) -> Result<Json<Vec<Written>>, Refusal> {
    let address = Address::of(request.uri())?;
    address.check(&Method::POST, request.headers(), &place.room)?;
    let given = Given { user: address.user()?, metadata: metadata(request.headers())?, place: &place };
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let path = address.path.as_deref().filter(|path| !path.is_empty());
    match (kind.as_str(), path) {
        ("multipart/form-data", path) => given.form(path, request).await.map(Json),
        ("application/octet-stream", Some(path)) => {
            let path = absolute(&place, Some(given.user), path);
            Ok(Json(vec![given.file(path, body::stream(request.into_body())).await?]))
        }
        ("application/octet-stream", None) => Err(Refusal::request("path is required")),
        (other, _) => Err(Refusal::request(format!("cannot take a body of type {other:?}"))),
    }
}

/// What holds for all files of one request.
struct Given<'a> {
    place: &'a Place,
    user: User,
    metadata: BTreeMap<String, String>,
}

impl Given<'_> {
    async fn form(&self, path: Option<&str>, request: Request) -> Result<Vec<Written>, Refusal> {
        let broken = |why: String| Refusal::request(format!("cannot read this form: {why}"));
        let form = Multipart::from_request(request, &()).await;
        let mut form = form.map_err(|error| broken(error.body_text()))?;
        let (mut written, mut seen) = (Vec::new(), BTreeSet::new());
        while let Some(field) = form.next_field().await.map_err(|error| broken(error.body_text()))? {
            if field.name() != Some("file") {
                continue;
            }
            let named = path.or(field.file_name()).ok_or_else(|| broken("a file has no name".to_owned()))?;
            let path = absolute(self.place, Some(self.user), &named.replace("%22", "\""));
            if !seen.insert(path.clone()) {
                return Err(Refusal::request(format!(
                    "you cannot upload multiple files to the same path '{path}'"
                )));
            }
            written.push(self.file(path, pieces(field)).await?);
        }
        Ok(written)
    }

    async fn file(&self, path: String, source: impl AsyncRead + Unpin + Send) -> Result<Written, Refusal> {
        let attributes =
            self.metadata.iter().map(|(key, value)| (format!("{ATTRIBUTES}{key}"), value.clone()));
        let attributes: BTreeMap<String, String> = attributes.collect();
        let files = self.place.kept.sandbox().files();
        let noted = Attributes { all: &attributes, prefix: ATTRIBUTES };
        let done = files.write_in_place(&path, source, None, noted).await;
        done.map_err(|error| refused(error, &path))?;
        if !attributes.is_empty() {
            self.place.room.has_metadata();
        }
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        Ok(Written { name, path, kind: "file", metadata: self.metadata.clone() })
    }
}

fn pieces(field: Field<'_>) -> impl AsyncRead + Unpin + Send + '_ {
    let pieces = stream::try_unfold(field, |mut field| async move {
        let piece = field.chunk().await.map_err(std::io::Error::other)?;
        Ok::<_, std::io::Error>(piece.map(|piece| (piece, field)))
    });
    StreamReader::new(Box::pin(pieces.into_stream()))
}

/// What the files of a request are noted with.
fn metadata(headers: &HeaderMap) -> Result<BTreeMap<String, String>, Refusal> {
    let mut found = BTreeMap::new();
    let mut bytes = 0;
    for (name, value) in headers {
        let Some(key) = name.as_str().strip_prefix(METADATA) else { continue };
        let printable = |text: &str| text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        let value = value.to_str().ok().filter(|value| printable(value));
        let value =
            value.ok_or_else(|| Refusal::request(format!("metadata {key:?} is not printable ASCII")))?;
        bytes += key.len() + value.len();
        if key.is_empty() || key.len() > METADATA_KEY_MAX || bytes > METADATA_BYTES_MAX {
            return Err(Refusal::request("metadata has keys of 1 to 246 bytes, and 4096 bytes together"));
        }
        found.insert(key.to_owned(), value.to_owned());
    }
    Ok(found)
}

/// An error of a file in the words that clients know.
fn refused(error: Error, path: &str) -> Refusal {
    let errno = match &error {
        Error::File(error) => error.errno(),
        _ => None,
    };
    match (errno, &error) {
        (Some(2), _) => Refusal::not_found(format!("path '{path}' does not exist")),
        (Some(20 | 40), _) => {
            Refusal::request(format!("path '{path}' leads through something that is no directory"))
        }
        (Some(21), _) => Refusal::request(format!("path '{path}' is a directory")),
        (Some(28 | 122), _) => {
            Refusal::new(StatusCode::INSUFFICIENT_STORAGE, "not enough disk space available")
        }
        (Some(95), _) => Refusal::request("the file system of this sandbox keeps no metadata"),
        (_, Error::File(FileError::Source { .. })) => Refusal::request("the upload broke off"),
        _ => error.into(),
    }
}
