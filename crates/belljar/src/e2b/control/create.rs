//! Making a sandbox.

use super::{network::Network, sandboxes, views::Opened};
use crate::{
    e2b::{
        refusal::Refusal,
        room::{NewRoom, Room},
    },
    http::{Served, body},
};
use axum::{
    Extension,
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use desk::{Lease, Made, NewSandbox, Repeat, Visitor};
use interpreter::SandboxRequest;
use interpreter::template::Recipe;
use serde::Deserialize;
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

const BODY_BYTES_MAX: usize = 1 << 20;
/// How long a sandbox lives where its request does not say, in seconds.
const TIMEOUT: u64 = 300;
const TIMEOUT_V1: u64 = 15;

/// What a sandbox shall be, as the SDKs ask for it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    #[serde(rename = "templateID")]
    template: String,
    timeout: Option<u64>,
    metadata: Option<BTreeMap<String, String>>,
    env_vars: Option<BTreeMap<String, String>>,
    auto_pause: Option<bool>,
    auto_pause_memory: Option<bool>,
    auto_resume: Option<AutoResume>,
    #[serde(rename = "allow_internet_access")]
    _allow_internet_access: Option<bool>,
    network: Option<Network>,
    mcp: Option<Value>,
    iam: Option<Value>,
    volume_mounts: Option<Vec<Value>>,
}

#[derive(Debug, Deserialize)]
struct AutoResume {
    enabled: bool,
}

impl Wanted {
    /// What this server does not have is refused, not left out.
    fn check(&self) -> Result<(), Refusal> {
        let given = |value: &Option<Value>| value.as_ref().is_some_and(|value| !value.is_null());
        match () {
            () if self.auto_pause == Some(true) && self.auto_pause_memory == Some(false) => {
                Err(Refusal::missing(sandboxes::WITHOUT_MEMORY))
            }
            () if given(&self.mcp) => Err(Refusal::missing("the MCP gateway in sandboxes")),
            () if given(&self.iam) => Err(Refusal::missing("identity tokens in sandboxes")),
            () if self.volume_mounts.as_ref().is_some_and(|mounts| !mounts.is_empty()) => {
                Err(Refusal::missing("volumes"))
            }
            () => self.network.as_ref().map_or(Ok(()), Network::check),
        }
    }
}

/// Makes one. An `Idempotency-Key` makes it once.
pub async fn create(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let whole = body::whole(body, BODY_BYTES_MAX).await;
    let whole = whole.map_err(|problem| Refusal::new(problem.status(), problem.detail()))?;
    let wanted: Wanted = serde_json::from_slice(&whole.bytes)
        .map_err(|error| Refusal::request(format!("cannot read this body: {error}")))?;
    wanted.check()?;
    let timeout = if uri.path().starts_with("/v2") { TIMEOUT } else { TIMEOUT_V1 };
    let lease = match headers.get("idempotency-key").and_then(|key| key.to_str().ok()) {
        None => make(&served, &visitor, wanted, timeout).await?,
        Some(key) => {
            let making = async {
                let made = make(&served, &visitor, wanted, timeout).await?;
                Ok(Made::Sandbox(made.id().clone()))
            };
            let repeat = Repeat { key, target: "e2b/sandboxes", body: &whole.bytes };
            match served.desk.once(&visitor, repeat, making).await? {
                (Made::Sandbox(id), _) => served.desk.sandbox(&visitor, &id)?,
                _ => return Err(Refusal::from(desk::DeskError::NotTheSame)),
            }
        }
    };
    let room = lease.of_edge::<Room>().ok_or_else(|| Refusal::not_found("the sandbox was not found"))?;
    let opened = Opened::of(&lease, &room, &served.e2b_domain);
    Ok((StatusCode::CREATED, axum::Json(opened)).into_response())
}

async fn make(
    served: &Served,
    visitor: &Visitor,
    wanted: Wanted,
    timeout: u64,
) -> Result<Lease, desk::DeskError> {
    let sandbox = SandboxRequest { template: template(served, &wanted.template)?, ..served.e2b_room.clone() };
    let timeout = Duration::from_secs(wanted.timeout.unwrap_or(timeout));
    let metadata = wanted.metadata.unwrap_or_default();
    let lease = served.desk.create_sandbox(visitor, NewSandbox { sandbox, ttl: None, metadata }).await?;
    let network = wanted.network.unwrap_or_default();
    let mut env = BTreeMap::from([
        ("E2B_SANDBOX".to_owned(), "true".to_owned()),
        ("E2B_SANDBOX_ID".to_owned(), crate::e2b::place::to_public(lease.id()).to_owned()),
        ("E2B_TEMPLATE_ID".to_owned(), wanted.template.clone()),
    ]);
    env.extend(wanted.env_vars.unwrap_or_default());
    let room = Room::new(NewRoom {
        visitor: visitor.clone(),
        template: wanted.template,
        env,
        timeout,
        resumes: wanted.auto_resume.is_some_and(|resume| resume.enabled),
        pauses: wanted.auto_pause.unwrap_or(false),
        private: network.is_private(),
        network: network.told(),
    });
    room.log("the sandbox was made");
    if room.pauses {
        lease.pause_at_end();
    }
    lease.keep_for_edge(Arc::new(room));
    if let Err(error) = lease.end_in(timeout) {
        served.desk.delete_sandbox(visitor, lease.id()).await?;
        return Err(error);
    }
    Ok(lease)
}

/// Our template of that name: E2B's own names, or ours, with or without a tag.
pub fn template(served: &Served, name: &str) -> Result<Option<String>, desk::DeskError> {
    let plain = name.split(':').next().unwrap_or_default();
    match plain.rsplit('/').next().unwrap_or_default() {
        "base" => Ok(served.e2b_room.template.clone()),
        "code-interpreter-v1" => Ok(Some("code-interpreter".to_owned())),
        plain if Recipe::find(plain).is_some() => Ok(Some(plain.to_owned())),
        _ => Err(desk::DeskError::NotFound { what: format!("template '{name}' not found") }),
    }
}
