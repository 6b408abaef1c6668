//! `filesystem.Filesystem`: looking, making, moving, listing, removing.

use super::{access::User, paths::absolute, stat::Shown};
use crate::e2b::{
    place::Place,
    rpc::{Code, RpcError, Unary},
};
use axum::{Extension, Json, http::HeaderMap};
use interpreter::{Error, FileError};
use protocol::guest::EntryKind;
use serde::Deserialize;
use serde_json::{Value, json};

/// A path, and no more.
#[derive(Debug, Deserialize)]
pub struct At {
    #[serde(default)]
    path: String,
}

/// From where to where.
#[derive(Debug, Deserialize)]
pub struct Moved {
    #[serde(default)]
    source: String,
    #[serde(default)]
    destination: String,
}

/// What to list.
#[derive(Debug, Deserialize)]
pub struct Listed {
    #[serde(default)]
    path: String,
    #[serde(default)]
    depth: u32,
}

type Answer = Result<Json<Value>, RpcError>;

/// What a path names; a link is not followed.
pub async fn stat(Extension(place): Extension<Place>, headers: HeaderMap, Unary(at): Unary<At>) -> Answer {
    let path = absolute(&place, Some(User::of_call(&headers)?), &at.path);
    let entry = place.kept.sandbox().files().stat(&path).await.map_err(|error| failed(error, &path))?;
    Ok(Json(json!({"entry": Shown::of(&place, path, entry).await})))
}

/// Makes a directory with those that hold it.
pub async fn make_dir(
    Extension(place): Extension<Place>,
    headers: HeaderMap,
    Unary(at): Unary<At>,
) -> Answer {
    let path = absolute(&place, Some(User::of_call(&headers)?), &at.path);
    let files = place.kept.sandbox().files();
    if let Ok(there) = files.resolve(&path).await {
        return Err(match there.kind {
            EntryKind::Directory => {
                RpcError::new(Code::AlreadyExists, format!("directory already exists: {path}"))
            }
            _ => RpcError::new(
                Code::InvalidArgument,
                format!("path already exists but it is not a directory: {path}"),
            ),
        });
    }
    files.make_dir(&path).await.map_err(|error| failed(error, &path))?;
    let entry = files.stat(&path).await.map_err(|error| failed(error, &path))?;
    Ok(Json(json!({"entry": Shown::of(&place, path, entry).await})))
}

/// Moves it, and makes the directories that hold its new place.
pub async fn rename(
    Extension(place): Extension<Place>,
    headers: HeaderMap,
    Unary(moved): Unary<Moved>,
) -> Answer {
    let user = Some(User::of_call(&headers)?);
    let (from, to) = (absolute(&place, user, &moved.source), absolute(&place, user, &moved.destination));
    let files = place.kept.sandbox().files();
    files.move_to(&from, &to).await.map_err(|error| failed(error, &from))?;
    let entry = files.stat(&to).await.map_err(|error| failed(error, &to))?;
    Ok(Json(json!({"entry": Shown::of(&place, to, entry).await})))
}

/// Lists a directory and what is below it, in the order of the names.
pub async fn list(
    Extension(place): Extension<Place>,
    headers: HeaderMap,
    Unary(listed): Unary<Listed>,
) -> Answer {
    let path = absolute(&place, Some(User::of_call(&headers)?), &listed.path);
    let files = place.kept.sandbox().files();
    let found = files.list(&path, listed.depth.max(1)).await;
    let mut found = found.map_err(|error| match &error {
        Error::File(FileError::Refused { errno: 20, .. }) => {
            RpcError::new(Code::InvalidArgument, format!("path is not a directory: {path}"))
        }
        _ => failed(error, &path),
    })?;
    found.sort_by(|one, other| one.path.split('/').cmp(other.path.split('/')));
    let mut entries = Vec::with_capacity(found.len());
    for entry in found {
        let whole = format!("{}/{}", path.trim_end_matches('/'), entry.path);
        entries.push(Shown::of(&place, whole, entry).await);
    }
    Ok(Json(json!({"entries": entries})))
}

/// Removes it with all that is in it. What is not there is removed already.
pub async fn remove(Extension(place): Extension<Place>, headers: HeaderMap, Unary(at): Unary<At>) -> Answer {
    let path = absolute(&place, Some(User::of_call(&headers)?), &at.path);
    match place.kept.sandbox().files().remove(&path).await {
        Ok(()) | Err(Error::File(FileError::Refused { errno: 2, .. })) => Ok(Json(json!({}))),
        Err(error) => Err(failed(error, &path)),
    }
}

/// An error in Connect's words.
pub fn failed(error: Error, path: &str) -> RpcError {
    let errno = match &error {
        Error::File(error) => error.errno(),
        _ => None,
    };
    let text = format!("cannot {error}");
    match (errno, &error) {
        (Some(2), _) => RpcError::new(Code::NotFound, format!("path not found: {path}")),
        (Some(1 | 13 | 30), _) => RpcError::new(Code::PermissionDenied, text),
        (Some(28 | 122), _) => RpcError::new(Code::ResourceExhausted, text),
        (Some(_), _) | (None, Error::File(_) | Error::Request { .. }) => {
            RpcError::new(Code::InvalidArgument, text)
        }
        (None, Error::SandboxLost { .. }) => RpcError::new(Code::Unavailable, text),
        (None, _) => RpcError::new(Code::Internal, text),
    }
}
