//! Files of a form, each streamed to its place below a directory.

use super::{
    files::{Held, Written},
    problem::Problem,
    views::List,
};
use axum::{
    body::Body,
    extract::{Multipart, multipart::Field},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use futures_util::{TryStreamExt, stream};

const FILES_MAX: usize = 1000;

/// Writes them.
pub async fn form(held: &Held, folder: &str, mut form: Multipart) -> Result<Response, Problem> {
    let mut items = Vec::new();
    let broken = |error: axum::extract::multipart::MultipartError| {
        Problem::new(StatusCode::BAD_REQUEST, "body", format!("read this form: {}", error.body_text()))
    };
    while let Some(field) = form.next_field().await.map_err(broken)? {
        if items.len() >= FILES_MAX {
            return Err(Problem::request(format!("take more than {FILES_MAX} files in one form")));
        }
        let Some(name) = field.file_name().map(str::to_owned) else {
            return Err(Problem::request("take a field of a form that is no file"));
        };
        if name.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(Problem::request(format!("use {name:?} as the name of a file")));
        }
        items.push(write(held, format!("{folder}/{name}"), field).await?);
    }
    Ok((StatusCode::CREATED, axum::Json(List { items, next_cursor: None })).into_response())
}

async fn write(held: &Held, path: String, field: Field<'_>) -> Result<Written, Problem> {
    let pieces = stream::try_unfold(field, |mut field| async move {
        let piece = field.chunk().await.map_err(std::io::Error::other)?;
        Ok::<_, std::io::Error>(piece.map(|piece| (piece, field)))
    });
    let source = tokio_util::io::StreamReader::new(Box::pin(pieces.into_stream()));
    let size = held.files().write(&path, source, 0o644).await?;
    Ok(Written { path, size })
}

/// The body of a request that is a form, with the time that streams have.
pub fn timed(body: Body) -> Body {
    Body::from_stream(tokio_util::io::ReaderStream::with_capacity(super::body::stream(body), 64 << 10))
}
