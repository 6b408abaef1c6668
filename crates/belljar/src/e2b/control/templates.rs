//! Templates by their names. They are made with `belljar template`, not here.

use super::create::template;
use crate::{e2b::refusal::Refusal, http::Served};
use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::{Value, json};

/// Whether there is a template of this name.
pub async fn exists(State(served): State<Served>, Path(alias): Path<String>) -> Result<Json<Value>, Refusal> {
    template(&served, &alias)?;
    Ok(Json(json!({"templateID": alias, "public": true})))
}

/// Deletes a snapshot: there are none.
pub async fn delete(Path(name): Path<String>) -> Refusal {
    Refusal::not_found(format!("snapshot '{name}' not found"))
}

/// Lists snapshots: there are none.
pub async fn snapshots() -> Json<Vec<Value>> {
    Json(Vec::new())
}
