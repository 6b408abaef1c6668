//! Watching directories: as a stream, or asked for from time to time.

use super::{access::User, filesystem::failed, paths::absolute, stat::Shown};
use crate::e2b::{
    place::Place,
    rpc::{self, Code, RpcError, Streaming, Unary},
};
use axum::{Extension, Json, http::HeaderMap, response::Response};
use interpreter::{Error, Watching, random_bits};
use protocol::guest::{EntryKind, WatchEvent, WatchKind};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, sleep, sleep_until};

/// Watchers of one sandbox that are asked from time to time.
const WATCHERS_MAX: usize = 32;

/// What to watch.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Wanted {
    #[serde(default)]
    path: String,
    #[serde(default)]
    recursive: bool,
    #[serde(default, alias = "include_entry")]
    include_entry: bool,
}

/// A watcher by its id.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Named {
    #[serde(default, alias = "watcher_id")]
    watcher_id: String,
}

/// The watchers of one sandbox that are asked from time to time.
#[derive(Default)]
pub struct Watchers {
    all: Mutex<HashMap<String, Arc<Watcher>>>,
}

struct Watcher {
    path: String,
    include_entry: bool,
    watching: tokio::sync::Mutex<Watching>,
}

impl Watchers {
    fn all(&self) -> MutexGuard<'_, HashMap<String, Arc<Watcher>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, id: &str) -> Result<Arc<Watcher>, RpcError> {
        let found = self.all().get(id).cloned();
        found.ok_or_else(|| RpcError::new(Code::NotFound, format!("watcher with id {id} not found")))
    }
}

async fn begin(place: &Place, headers: &HeaderMap, wanted: &Wanted) -> Result<(String, Watching), RpcError> {
    let path = absolute(place, Some(User::of_call(headers)?), &wanted.path);
    let watching = place.kept.sandbox().watch(&path, wanted.recursive).await;
    let watching = watching.map_err(|error| match &error {
        Error::File(error) if error.errno() == Some(20) => {
            RpcError::new(Code::InvalidArgument, format!("path is not a directory: {path}"))
        }
        _ => failed(error, &path),
    })?;
    Ok((path, watching))
}

/// An event as the SDKs read it.
async fn told(place: &Place, folder: &str, event: WatchEvent, include_entry: bool) -> Value {
    let kind = match event.kind {
        WatchKind::Create => "EVENT_TYPE_CREATE",
        WatchKind::Write => "EVENT_TYPE_WRITE",
        WatchKind::Remove => "EVENT_TYPE_REMOVE",
        WatchKind::Rename => "EVENT_TYPE_RENAME",
        WatchKind::Chmod => "EVENT_TYPE_CHMOD",
    };
    let mut message = json!({"name": event.name, "type": kind});
    if include_entry && !matches!(event.kind, WatchKind::Remove | WatchKind::Rename) {
        let path = format!("{folder}/{}", event.name);
        if let Ok(entry) = place.kept.sandbox().files().stat(&path).await
            && entry.kind != EntryKind::Other
        {
            message["entry"] = json!(Shown::of(place, path, entry).await);
        }
    }
    message
}

/// Tells what happens, until its client goes away or its time is over.
pub async fn watch(
    Extension(place): Extension<Place>,
    headers: HeaderMap,
    Streaming(wanted): Streaming<Wanted>,
) -> Response {
    let begun = match wanted {
        Ok(wanted) => begin(&place, &headers, &wanted).await.map(|(path, watching)| (path, watching, wanted)),
        Err(error) => Err(error),
    };
    let (path, watching, wanted) = match begun {
        Ok(begun) => begun,
        Err(error) => return rpc::failed(error),
    };
    let (answer, response) = rpc::stream();
    let stream = Stream { place, path, watching, include_entry: wanted.include_entry };
    tokio::spawn(stream.tell(answer, rpc::deadline(&headers), rpc::keepalive(&headers)));
    response
}

struct Stream {
    place: Place,
    path: String,
    watching: Watching,
    include_entry: bool,
}

impl Stream {
    async fn tell(mut self, answer: rpc::Answer, deadline: Option<Instant>, every: Duration) {
        let over = async move {
            match deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let mut over = std::pin::pin!(over);
        let mut message = json!({"start": {}});
        loop {
            if answer.say(&message).await.is_err() {
                return;
            }
            message = tokio::select! {
                event = self.watching.next() => match event {
                    Some(Ok(event)) => {
                        json!({"filesystem": told(&self.place, &self.path, event, self.include_entry).await})
                    }
                    Some(Err(Error::SandboxLost { .. })) | None => {
                        return answer.break_off(self.place.break_off()).await;
                    }
                    Some(Err(error)) => return answer.end(Some(failed(error, &self.path))).await,
                },
                () = &mut over => {
                    return answer.end(Some(RpcError::new(Code::DeadlineExceeded, "the time of this watch is over"))).await;
                }
                () = self.place.kept.paused() => return answer.break_off(self.place.break_off()).await,
                () = answer.away() => return,
                () = sleep(every) => json!({"keepalive": {}}),
            };
        }
    }
}

/// Begins to watch for whoever asks from time to time.
pub async fn create(
    Extension(place): Extension<Place>,
    headers: HeaderMap,
    Unary(wanted): Unary<Wanted>,
) -> Result<Json<Value>, RpcError> {
    let watchers = &place.room.watchers;
    if watchers.all().len() >= WATCHERS_MAX {
        let message = format!("this sandbox has {WATCHERS_MAX} watchers already");
        return Err(RpcError::new(Code::ResourceExhausted, message));
    }
    let (path, watching) = begin(&place, &headers, &wanted).await?;
    let id = format!("{:032x}", random_bits());
    let watcher =
        Watcher { path, include_entry: wanted.include_entry, watching: tokio::sync::Mutex::new(watching) };
    watchers.all().insert(id.clone(), Arc::new(watcher));
    Ok(Json(json!({"watcherId": id})))
}

/// What happened since it was asked last, all of it.
pub async fn events(
    Extension(place): Extension<Place>,
    Unary(named): Unary<Named>,
) -> Result<Json<Value>, RpcError> {
    let watcher = place.room.watchers.find(&named.watcher_id)?;
    let happened = watcher.watching.lock().await.drain().await;
    let happened = happened.map_err(|error| failed(error, &watcher.path))?;
    let mut events = Vec::with_capacity(happened.len());
    for event in happened {
        events.push(told(&place, &watcher.path, event, watcher.include_entry).await);
    }
    Ok(Json(json!({"events": events})))
}

/// Watches no longer.
pub async fn remove(
    Extension(place): Extension<Place>,
    Unary(named): Unary<Named>,
) -> Result<Json<Value>, RpcError> {
    place.room.watchers.find(&named.watcher_id)?;
    place.room.watchers.all().remove(&named.watcher_id);
    Ok(Json(json!({})))
}
