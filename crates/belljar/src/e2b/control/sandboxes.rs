//! One sandbox: looked at, kept longer, ended.

use super::views::{Detail, Opened};
use crate::{
    e2b::{
        place::{from_public, not_found},
        refusal::Refusal,
        room::Room,
    },
    http::Served,
};
use axum::{
    Extension, Json,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
};
use desk::{Kept, Visitor};
use serde::Deserialize;
use std::{sync::Arc, time::Duration};

/// How much longer a sandbox lives where its client does not say.
const TIMEOUT: u64 = 300;

/// The visitor's sandbox of that id, where it was made here.
pub fn find(served: &Served, visitor: &Visitor, id: &str) -> Result<(Arc<Kept>, Arc<Room>), Refusal> {
    let gone = || not_found(id);
    let kept = served.desk.look_at_sandbox(visitor, &from_public(id).ok_or_else(gone)?);
    let kept = kept.map_err(|_| gone())?;
    let room = kept.of_edge::<Room>().ok_or_else(gone)?;
    Ok((kept, room))
}

/// Reads JSON; nothing at all counts as `{}`.
fn read<T: serde::de::DeserializeOwned>(body: &Bytes) -> Result<T, Refusal> {
    let text: &[u8] = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(text).map_err(|error| Refusal::request(format!("cannot read this body: {error}")))
}

/// Looks at it.
pub async fn get(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Json<Detail>, Refusal> {
    let (kept, room) = find(&served, &visitor, &id)?;
    Ok(Json(Detail::of(&kept, &room, &served.e2b_domain)))
}

/// Ends it. Nobody finds it any more before what streams from it breaks off, and that has happened before this answers.
pub async fn delete(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    let (kept, _) = find(&served, &visitor, &id)?;
    served.desk.delete_sandbox(&visitor, kept.id()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a pause without memory is called where it is missing.
pub const WITHOUT_MEMORY: &str = "pauses that keep files alone";

#[derive(Deserialize)]
struct Pause {
    memory: Option<bool>,
}

/// Lets everything in it stand still.
pub async fn pause(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<StatusCode, Refusal> {
    let pause: Pause = read(&body)?;
    if pause.memory == Some(false) {
        return Err(Refusal::missing(WITHOUT_MEMORY));
    }
    let (kept, room) = find(&served, &visitor, &id)?;
    if !kept.pause().await? {
        return Err(Refusal::new(StatusCode::CONFLICT, format!("sandbox {id} is already paused")));
    }
    room.log("the sandbox was paused");
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct Longer {
    timeout: Option<u64>,
    memory: Option<bool>,
}

/// Uses it again: it lives at least so much longer, and goes on where it was paused.
pub async fn connect(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<(StatusCode, Json<Opened>), Refusal> {
    let longer: Longer = read(&body)?;
    if longer.memory == Some(false) {
        return Err(Refusal::missing("cold starts of sandboxes"));
    }
    let (kept, room) = find(&served, &visitor, &id)?;
    let left = Duration::from_secs(longer.timeout.unwrap_or(TIMEOUT));
    let opened = Json(Opened::of(&kept, &room, &served.e2b_domain));
    if kept.resume(left).await? {
        room.log("the sandbox goes on");
        return Ok((StatusCode::CREATED, opened));
    }
    kept.end_no_sooner_than_in(left)?;
    Ok((StatusCode::OK, opened))
}

#[derive(Deserialize)]
struct Ends {
    timeout: u64,
}

/// Ends it so long from now, sooner or later than before.
pub async fn timeout(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<StatusCode, Refusal> {
    let ends: Ends = read(&body)?;
    find(&served, &visitor, &id)?.0.end_in(Duration::from_secs(ends.timeout))?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct Refreshed {
    duration: Option<u64>,
}

/// Keeps it at least so much longer.
pub async fn refresh(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<StatusCode, Refusal> {
    let refreshed: Refreshed = read(&body)?;
    let longer = Duration::from_secs(refreshed.duration.unwrap_or(TIMEOUT));
    find(&served, &visitor, &id)?.0.end_no_sooner_than_in(longer)?;
    Ok(StatusCode::NO_CONTENT)
}
