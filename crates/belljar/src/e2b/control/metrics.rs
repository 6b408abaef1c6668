//! What a sandbox uses, and what happened in it.

use super::{
    sandboxes::find,
    views::{cpus, told},
};
use crate::{e2b::refusal::Refusal, http::Served};
use axum::{
    Extension, Json,
    extract::{Path, Query, State},
};
use chrono::Utc;
use desk::Visitor;
use serde::Deserialize;
use serde_json::{Value, json};

/// Levels of directories that are counted.
const DEPTH: u32 = 64;

/// From when to when, in seconds since 1970.
#[derive(Debug, Deserialize)]
pub struct Span {
    start: Option<i64>,
    end: Option<i64>,
}

/// What it uses now. Nothing is measured while nobody asks, so that there is one measurement, and none of the past.
pub async fn read(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    Query(span): Query<Span>,
) -> Result<Json<Vec<Value>>, Refusal> {
    let (kept, room) = find(&served, &visitor, &id)?;
    let now = Utc::now();
    let wanted = span.start.is_none_or(|start| start <= now.timestamp())
        && span.end.is_none_or(|end| end >= now.timestamp());
    let usage = room.usage.sample(&kept);
    let files = kept.sandbox().files().list(kept.sandbox().workspace(), DEPTH).await.unwrap_or_default();
    let disk_bytes: u64 = files.iter().map(|entry| entry.size).sum();
    let limits = kept.sandbox().limits();
    let sample = json!({
        "timestamp": told(now), "timestampUnix": now.timestamp(), "cpuCount": cpus(&kept), "cpuUsedPct": usage.cpu_percent,
        "memUsed": usage.memory_bytes, "memTotal": limits.memory_bytes, "memCache": 0,
        "diskUsed": disk_bytes, "diskTotal": limits.disk_bytes,
    });
    Ok(Json(if wanted { vec![sample] } else { Vec::new() }))
}

/// What happened in it, the oldest first.
pub async fn logs(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let (_, room) = find(&served, &visitor, &id)?;
    let lines = room.lines();
    let plain: Vec<Value> =
        lines.iter().map(|line| json!({"timestamp": told(line.at), "line": line.text})).collect();
    let entries: Vec<Value> = lines.iter().map(entry).collect();
    Ok(Json(json!({"logs": plain, "logEntries": entries})))
}

/// Which lines.
#[derive(Debug, Deserialize)]
pub struct Lines {
    /// Milliseconds since 1970.
    cursor: Option<i64>,
    limit: Option<usize>,
    direction: Option<String>,
    search: Option<String>,
    level: Option<String>,
}

/// The same, a page at a time.
pub async fn logs_v2(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    Query(asked): Query<Lines>,
) -> Result<Json<Value>, Refusal> {
    let (_, room) = find(&served, &visitor, &id)?;
    let backward = asked.direction.as_deref() == Some("backward");
    let mut lines = room.lines();
    lines.retain(|line| {
        let at = line.at.timestamp_millis();
        let here = asked.cursor.is_none_or(|cursor| if backward { at <= cursor } else { at >= cursor });
        // Every line is of the level info.
        let level = asked.level.as_deref().is_none_or(|level| ["debug", "info"].contains(&level));
        here && level && asked.search.as_ref().is_none_or(|text| line.text.contains(text))
    });
    if backward {
        lines.reverse();
    }
    lines.truncate(asked.limit.unwrap_or(100).min(1000));
    Ok(Json(json!({"logs": lines.iter().map(entry).collect::<Vec<_>>()})))
}

fn entry(line: &crate::e2b::room::Line) -> Value {
    json!({"timestamp": told(line.at), "level": "info", "message": line.text, "fields": {}})
}
