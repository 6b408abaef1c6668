//! Sandboxes as the SDKs read them.

use crate::e2b::place::to_public;
use crate::e2b::room::Room;
use chrono::{DateTime, SecondsFormat, Timelike, Utc};
use desk::Kept;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What the SDKs ask of the program in a sandbox is decided by this; all of this version is there.
pub const ENVD_VERSION: &str = "0.6.13";
const CLIENT: &str = "belljar";

/// A sandbox for whoever will use it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Opened {
    #[serde(rename = "templateID")]
    template_id: String,
    #[serde(rename = "sandboxID")]
    sandbox_id: String,
    #[serde(rename = "clientID")]
    client_id: &'static str,
    alias: String,
    envd_version: &'static str,
    envd_access_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    traffic_access_token: Option<String>,
    domain: String,
}

impl Opened {
    /// With the secrets that open it.
    pub fn of(kept: &Kept, room: &Room, domain: &str) -> Opened {
        Opened {
            template_id: room.template.clone(),
            sandbox_id: to_public(kept.id()).to_owned(),
            client_id: CLIENT,
            alias: room.template.clone(),
            envd_version: ENVD_VERSION,
            envd_access_token: room.access_token().to_owned(),
            traffic_access_token: room.traffic_token().map(str::to_owned),
            domain: domain.to_owned(),
        }
    }
}

/// A sandbox in a list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    #[serde(rename = "templateID")]
    template_id: String,
    #[serde(rename = "sandboxID")]
    sandbox_id: String,
    #[serde(rename = "clientID")]
    client_id: &'static str,
    alias: String,
    started_at: String,
    end_at: String,
    cpu_count: u32,
    #[serde(rename = "memoryMB")]
    memory_mb: u64,
    #[serde(rename = "diskSizeMB")]
    disk_size_mb: u64,
    state: &'static str,
    envd_version: &'static str,
    metadata: BTreeMap<String, String>,
}

impl Listed {
    /// Without secrets.
    pub fn of(kept: &Kept, room: &Room) -> Listed {
        let limits = kept.sandbox().limits();
        Listed {
            template_id: room.template.clone(),
            sandbox_id: to_public(kept.id()).to_owned(),
            client_id: CLIENT,
            alias: room.template.clone(),
            started_at: told(started(kept)),
            end_at: told(kept.expires_at()),
            cpu_count: cpus(kept),
            memory_mb: limits.memory_bytes >> 20,
            disk_size_mb: limits.disk_bytes >> 20,
            state: state(kept),
            envd_version: ENVD_VERSION,
            metadata: kept.metadata(),
        }
    }
}

/// Everything about one.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Detail {
    #[serde(flatten)]
    listed: Listed,
    envd_access_token: String,
    domain: String,
    allow_internet_access: bool,
    network: Value,
    lifecycle: Value,
}

impl Detail {
    /// With the secret that opens it.
    pub fn of(kept: &Kept, room: &Room, domain: &str) -> Detail {
        let network = room.network.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        Detail {
            listed: Listed::of(kept, room),
            envd_access_token: room.access_token().to_owned(),
            domain: domain.to_owned(),
            // No sandbox has a network, whatever was asked for.
            allow_internet_access: false,
            network,
            lifecycle: json!({
                "autoResume": room.resumes, "onTimeout": if room.pauses { "pause" } else { "kill" },
            }),
        }
    }
}

/// Whether it runs.
pub fn state(kept: &Kept) -> &'static str {
    if kept.is_paused() { "paused" } else { "running" }
}

/// Whole CPUs.
pub fn cpus(kept: &Kept) -> u32 {
    kept.sandbox().limits().cpu_millis.div_ceil(1000).max(1)
}

/// When it was made, no finer than it is told: whoever asks for those after this moment is to find it.
pub fn started(kept: &Kept) -> DateTime<Utc> {
    let micros = kept.created_at.nanosecond() / 1000 * 1000;
    kept.created_at.with_nanosecond(micros).unwrap_or(kept.created_at)
}

/// A moment as it is told.
pub fn told(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}
