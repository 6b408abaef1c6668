//! Files of a sandbox: read in parts, written whole, listed, made, moved, removed.
//!
//! A path counts from `/workspace`; one that begins with a second slash, as in `/files//tmp/x`, is absolute.

use super::{
    address::At,
    archive,
    body::{Asked, stream},
    problem::Problem,
    ranges::{self, Part},
    served::{Served, id},
    upload,
    views::List,
};
use axum::{
    Extension,
    body::Body,
    extract::{FromRequest, Multipart, Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use desk::{Lease, Scope, Visitor};
use interpreter::{Context, Files};
use protocol::guest::{Entry, EntryKind};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio_util::io::ReaderStream;
use utoipa::{IntoParams, ToSchema};

const PIPE_BYTES: usize = 256 << 10;
const DEPTH_MAX: u32 = 64;

/// The sandbox, and the path in it.
#[derive(Debug, Deserialize)]
pub struct Place {
    sandbox: String,
    #[serde(default)]
    path: String,
}

impl Place {
    async fn find(&self, served: &Served, visitor: &Visitor, context: Option<&str>) -> Result<Held, Problem> {
        visitor.check(Scope::Execute)?;
        let lease = served.desk.sandbox_awake(visitor, &id(&self.sandbox)?).await?;
        let context = match context {
            Some(context) => Some(lease.context(&id(context)?)?),
            None => None,
        };
        Ok(Held { lease, context })
    }

    fn path(&self) -> &str {
        match self.path.as_str() {
            "" => ".",
            path => path,
        }
    }
}

/// A sandbox, or a context of it, whose files are meant.
pub struct Held {
    lease: Lease,
    context: Option<Arc<Context>>,
}

impl Held {
    /// The files.
    pub fn files(&self) -> Files<'_> {
        self.context.as_ref().map_or_else(|| self.lease.sandbox().files(), |context| context.files())
    }
}

/// What to do instead of reading.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    /// List the directory.
    list: Option<String>,
    /// Levels that a list goes down, 1 to 64.
    #[param(minimum = 1, maximum = 64)]
    depth: Option<u32>,
    /// Everything in the directory as one file: `tar`.
    #[param(pattern = "^tar$")]
    archive: Option<String>,
    /// Tell what is there, without its bytes.
    stat: Option<String>,
    /// As this context sees them: a fork has files of its own.
    context: Option<String>,
}

/// What is told of files.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum Told {
    /// For `list`.
    List(List<Entry>),
    /// For `stat`.
    Entry(Entry),
}

/// Read a file, or list a directory.
///
/// One range is honoured. Directories need `list`, `stat` or `archive=tar`.
#[utoipa::path(
    get, path = "/v1/sandboxes/{sandbox}/files/{path}", tag = "files",
    params(("sandbox" = String, Path), ("path" = String, Path, description = "Below /workspace; absolute with a second slash"), Reading),
    responses(
        (status = 200, description = "Its bytes, or what was asked for instead", content((String = "application/octet-stream"), (Told = "application/json"), (String = "application/x-tar"))),
        (status = 206, description = "The part that was asked for", body = String, content_type = "application/octet-stream"),
        (status = 304, description = "The client has it"),
    )
)]
pub async fn read(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    At(place): At<Place>,
    Asked(reading): Asked<Reading>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let held = place.find(&served, &visitor, reading.context.as_deref()).await?;
    let path = place.path();
    if reading.list.is_some() {
        let depth = reading.depth.unwrap_or(1);
        if !(1..=DEPTH_MAX).contains(&depth) {
            return Err(Problem::request(format!("list {depth} levels: 1 to {DEPTH_MAX} are possible")));
        }
        let items = held.files().list(path, depth).await?;
        return Ok(axum::Json(Told::List(List { items, next_cursor: None })).into_response());
    }
    match reading.archive.as_deref() {
        Some("tar") => return archive::tar(held, path.to_owned()).await,
        Some(other) => {
            return Err(
                Problem::request(format!("make an archive of kind {other:?}")).hint("`tar` is possible")
            );
        }
        None => {}
    }
    let entry = held.files().stat(path).await?;
    match (reading.stat, entry.kind) {
        (Some(_), _) => Ok(axum::Json(Told::Entry(entry)).into_response()),
        (None, EntryKind::Directory) => {
            let problem =
                Problem::new(StatusCode::CONFLICT, "directory", format!("read {path}: it is a directory"));
            Err(problem.hint("add ?list or ?archive=tar"))
        }
        (None, EntryKind::Symlink) => Ok(send(held, path, 0, u64::MAX).into_response()),
        (None, _) => Ok(file(held, path, &entry, &headers)),
    }
}

fn file(held: Held, path: &str, entry: &Entry, headers: &HeaderMap) -> Response {
    let tag = format!("\"{:x}-{:x}\"", entry.modified_ms, entry.size);
    let mime = interpreter::guess_mime(path);
    let shown = [
        (header::ETAG, tag.clone()),
        (header::CONTENT_TYPE, mime),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        // A page that code made must not act in this server's name.
        (header::CONTENT_SECURITY_POLICY, "sandbox".to_owned()),
    ];
    match ranges::part(headers, entry.size, &tag) {
        Part::Unchanged => (StatusCode::NOT_MODIFIED, shown).into_response(),
        Part::Nowhere => {
            let range = [(header::CONTENT_RANGE, format!("bytes */{}", entry.size))];
            let what = format!("read this part of {path}: it has {} bytes", entry.size);
            (range, Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, "range", what)).into_response()
        }
        Part::Whole => {
            let length = [(header::CONTENT_LENGTH, entry.size.to_string())];
            (shown, length, send(held, path, 0, entry.size)).into_response()
        }
        Part::Bytes(from, to) => {
            let more = [
                (header::CONTENT_LENGTH, (to - from).to_string()),
                (header::CONTENT_RANGE, format!("bytes {from}-{}/{}", to - 1, entry.size)),
            ];
            (StatusCode::PARTIAL_CONTENT, shown, more, send(held, path, from, to - from)).into_response()
        }
    }
}

/// A part of a file as a body. It breaks off where the sandbox does.
fn send(held: Held, path: &str, offset: u64, length: u64) -> Body {
    let (writer, reader) = tokio::io::duplex(PIPE_BYTES);
    let path = path.to_owned();
    tokio::spawn(async move {
        let sent = held.files().read_part(&path, offset, length, writer).await;
        if let Err(error) = sent {
            tracing::debug!("cannot {error}");
        }
    });
    Body::from_stream(ReaderStream::new(reader))
}

/// How a file is written.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Writing {
    /// Permission bits in octal, such as 755; 644 where it is absent.
    #[param(pattern = "^0?[0-7]{1,3}$")]
    mode: Option<String>,
    /// As this context sees them: a fork has files of its own.
    context: Option<String>,
}

/// What was written.
#[derive(Debug, Serialize, ToSchema)]
pub struct Written {
    /// Where.
    pub path: String,
    /// Bytes.
    pub size: u64,
}

/// Write a file: the body, as it is, of any size.
///
/// Parents are made. The file appears whole or not at all.
#[utoipa::path(
    put, path = "/v1/sandboxes/{sandbox}/files/{path}", tag = "files",
    params(("sandbox" = String, Path), ("path" = String, Path, description = "Below /workspace; absolute with a second slash"), Writing),
    request_body(content = String, content_type = "application/octet-stream"),
    responses(
        (status = 201, description = "It is there", body = Written),
    )
)]
pub async fn write(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    At(place): At<Place>,
    Asked(writing): Asked<Writing>,
    body: Body,
) -> Result<Response, Problem> {
    let held = place.find(&served, &visitor, writing.context.as_deref()).await?;
    let mode = match writing.mode.as_deref() {
        None => 0o644,
        Some(text) => permissions(text).ok_or_else(|| {
            Problem::request(format!("use {text:?} as permission bits")).hint("for example ?mode=755")
        })?,
    };
    let size = held.files().write(place.path(), stream(body), mode).await?;
    let written = Written { path: place.path().to_owned(), size };
    Ok((StatusCode::CREATED, axum::Json(written)).into_response())
}

fn permissions(text: &str) -> Option<u32> {
    // A sign is no digit, though numbers may have one.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit()).then_some(text)?;
    u32::from_str_radix(digits, 8).ok().filter(|mode| *mode <= 0o777 && digits.len() <= 4)
}

/// What to do at a path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Doing {
    /// Make a directory and its parents.
    mkdir: Option<String>,
    /// Move it there.
    r#move: Option<String>,
    /// As this context sees them: a fork has files of its own.
    context: Option<String>,
}

/// Files of a form.
#[derive(ToSchema)]
#[allow(dead_code)]
pub struct Form {
    /// Each with the name that it gets below the directory.
    #[schema(value_type = Vec<String>, format = Binary)]
    file: Vec<Vec<u8>>,
}

/// Make a directory (`?mkdir`), move something (`?move=TO`), or write the files of a form into a directory.
#[utoipa::path(
    post, path = "/v1/sandboxes/{sandbox}/files/{path}", tag = "files",
    params(("sandbox" = String, Path), ("path" = String, Path, description = "Below /workspace; absolute with a second slash"), Doing),
    request_body(content = Option<Form>, content_type = "multipart/form-data"),
    responses(
        (status = 201, description = "It was made or written", body = List<Written>),
        (status = 204, description = "It was moved"),
    )
)]
pub async fn act(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    At(place): At<Place>,
    Asked(doing): Asked<Doing>,
    request: Request,
) -> Result<Response, Problem> {
    let held = place.find(&served, &visitor, doing.context.as_deref()).await?;
    let files = held.files();
    match (doing.mkdir, doing.r#move) {
        (Some(_), None) => {
            files.make_dir(place.path()).await?;
            let made = vec![Written { path: place.path().to_owned(), size: 0 }];
            Ok((StatusCode::CREATED, axum::Json(List { items: made, next_cursor: None })).into_response())
        }
        (None, Some(to)) => {
            files.rename(place.path(), &to).await?;
            Ok(StatusCode::NO_CONTENT.into_response())
        }
        (None, None) => {
            let form = Multipart::from_request(request, &served)
                .await
                .map_err(|_| Problem::request("do this: it has ?mkdir, ?move=TO or the files of a form"))?;
            upload::form(&held, place.path(), form).await
        }
        (Some(_), Some(_)) => Err(Problem::request("make and move at once")),
    }
}

/// Whose file is removed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Removing {
    /// As this context sees them: a fork has files of its own.
    context: Option<String>,
}

/// Remove a file, or a directory with all that is in it.
#[utoipa::path(
    delete, path = "/v1/sandboxes/{sandbox}/files/{path}", tag = "files",
    params(("sandbox" = String, Path), ("path" = String, Path, description = "Below /workspace; absolute with a second slash"), Removing),
    responses(
        (status = 204, description = "It is gone"),
    )
)]
pub async fn delete(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    At(place): At<Place>,
    Asked(removing): Asked<Removing>,
) -> Result<StatusCode, Problem> {
    let held = place.find(&served, &visitor, removing.context.as_deref()).await?;
    held.files().remove(place.path()).await?;
    Ok(StatusCode::NO_CONTENT)
}
