//! What is asked about a sandbox's network. It has none: what forbids holds already, what allows allows nothing, and
//! what would need one is refused.

use crate::e2b::{
    place::{from_public, not_found},
    refusal::Refusal,
    room::Room,
};
use crate::http::Served;
use axum::{Extension, Json, extract::Path, extract::State, http::StatusCode};
use desk::Visitor;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Rules, as the SDKs send them.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Network {
    #[serde(skip_serializing_if = "Option::is_none")]
    allow_public_traffic: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allow_out: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deny_out: Option<Vec<String>>,
    #[serde(skip_serializing)]
    egress_proxy: Option<Value>,
    #[serde(skip_serializing)]
    rules: Option<serde_json::Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mask_request_host: Option<String>,
}

impl Network {
    /// Refuses what only a network could do.
    pub fn check(&self) -> Result<(), Refusal> {
        let proxy = self.egress_proxy.as_ref().is_some_and(|proxy| !proxy.is_null());
        let rules = self.rules.as_ref().is_some_and(|rules| !rules.is_empty());
        match () {
            () if proxy => Err(Refusal::missing("a proxy for sandboxes, which have no network")),
            () if rules => Err(Refusal::missing("changes of requests from sandboxes, which have no network")),
            () => Ok(()),
        }
    }

    /// Whether its ports are for those alone who know a token.
    pub fn is_private(&self) -> bool {
        self.allow_public_traffic == Some(false)
    }

    /// What is told of it later.
    pub fn told(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// Replaces the rules.
pub async fn update(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    Json(network): Json<Network>,
) -> Result<StatusCode, Refusal> {
    network.check()?;
    let gone = || not_found(&id);
    let kept = served.desk.look_at_sandbox(&visitor, &from_public(&id).ok_or_else(gone)?);
    let room = kept.map_err(|_| gone())?.of_edge::<Room>().ok_or_else(gone)?;
    *room.network.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = network.told();
    Ok(StatusCode::NO_CONTENT)
}
