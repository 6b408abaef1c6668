//! Sandboxes that are kept: made, listed, changed, deleted.

use super::{
    address::Only,
    body::{Asked, Json},
    headers::Wishes,
    pages::{Part, list},
    problem::Problem,
    served::{Served, Wanted, id},
    views::{List, SandboxView},
};
use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use desk::{Change, DeskError, Made, NewSandbox, Repeat, Scope, Visitor};
use protocol::Limits;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};
use utoipa::{IntoParams, ToSchema};

/// What a sandbox shall be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SandboxBody {
    /// What is installed; the server's default where it is absent.
    template: Option<String>,
    /// How it is made; the server's default where it is absent.
    backend: Option<String>,
    /// Refuse to run below this isolation: a level or a strength.
    require: Option<String>,
    /// How long it is kept without being used, 86400 at most.
    #[schema(minimum = 1, maximum = 86400)]
    ttl_seconds: Option<u64>,
    /// How long it may be unused before it is paused, 86400 at most: everything in it stands still then, for a day at most, and the
    /// next request to it wakes it. Not at all where it is absent.
    #[schema(minimum = 1, maximum = 86400)]
    pause_after_seconds: Option<u64>,
    /// What it may use; the server's default where it is absent.
    limits: Option<Limits>,
    /// Environment of everything in it.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// Notes about it, by which it can be listed.
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

impl SandboxBody {
    fn request(self, served: &Served) -> Result<NewSandbox, Problem> {
        let sandbox = served.room(Wanted {
            template: self.template,
            backend: self.backend,
            require: self.require,
            limits: self.limits,
            env: self.env,
        })?;
        Ok(NewSandbox { sandbox, ttl: self.ttl_seconds.map(Duration::from_secs), metadata: self.metadata })
    }
}

fn idle(seconds: Option<u64>) -> Result<Option<Duration>, Problem> {
    match seconds {
        Some(0) => Err(Problem::request("pause it after 0 seconds: at least 1")),
        other => Ok(other.map(Duration::from_secs)),
    }
}

/// Make a sandbox.
#[utoipa::path(
    post, path = "/v1/sandboxes", tag = "sandboxes", request_body = SandboxBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "Carried out once, however often it comes")),
    responses(
        (status = 201, description = "It is there", body = SandboxView),
    )
)]
pub async fn create(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    Only(()): Only<()>,
    headers: HeaderMap,
    Json { value, bytes, .. }: Json<SandboxBody>,
) -> Result<Response, Problem> {
    visitor.check(Scope::Execute)?;
    let idle_max = idle(value.pause_after_seconds)?;
    let new = value.request(&served)?;
    let desk = &served.desk;
    let make = async {
        let lease = desk.create_sandbox(&visitor, new).await?;
        lease.pause_when_idle(idle_max)?;
        Ok::<_, DeskError>(lease)
    };
    let lease = match Wishes::read(&headers).once {
        None => make.await?,
        Some(key) => {
            let make = async { Ok(Made::Sandbox(make.await?.id().clone())) };
            match desk.once(&visitor, Repeat { key: &key, target: "sandboxes", body: &bytes }, make).await? {
                (Made::Sandbox(id), _) => desk.sandbox_awake(&visitor, &id).await?,
                _ => return Err(DeskError::NotTheSame.into()),
            }
        }
    };
    let place = format!("/v1/sandboxes/{}", lease.id());
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], axum::Json(SandboxView::from(&*lease)))
        .into_response())
}

/// Which sandboxes.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// How many, 1 to 1000.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Only those with these notes: `name=value`, several with commas between them.
    #[param(pattern = "^[^,=]*=[^,]*(,[^,=]*=[^,]*)*$")]
    metadata: Option<String>,
}

/// The caller's sandboxes.
#[utoipa::path(
    get, path = "/v1/sandboxes", tag = "sandboxes", params(Which),
    responses(
        (status = 200, description = "One page", body = List<SandboxView>),
    )
)]
pub async fn index(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    Asked(which): Asked<Which>,
) -> Result<Response, Problem> {
    visitor.check(Scope::Execute)?;
    let part = Part { limit: which.limit, cursor: which.cursor };
    let notes = which.metadata.as_deref().map_or_else(|| Ok(BTreeMap::new()), notes)?;
    let after = part.cursor.as_deref().map(id).transpose()?;
    let page = served.desk.list_sandboxes(&visitor, &notes, after.as_ref(), part.limit()?);
    Ok(list(page, |kept| SandboxView::from(&*kept)).into_response())
}

fn notes(text: &str) -> Result<BTreeMap<String, String>, Problem> {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    };
    let pairs: Option<BTreeMap<String, String>> = text.split(',').map(pair).collect();
    pairs.ok_or_else(|| Problem::request("read `metadata`: expected name=value"))
}

/// A sandbox.
#[utoipa::path(
    get, path = "/v1/sandboxes/{sandbox}", tag = "sandboxes", params(("sandbox" = String, Path)),
    responses(
        (status = 200, description = "The sandbox", body = SandboxView),
    )
)]
pub async fn get(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    Only(sandbox): Only<String>,
) -> Result<Response, Problem> {
    visitor.check(Scope::Execute)?;
    let kept = served.desk.look_at_sandbox(&visitor, &id(&sandbox)?)?;
    Ok(axum::Json(SandboxView::from(&*kept)).into_response())
}

/// What can be changed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeBody {
    /// How long it is kept without being used, 86400 at most; begins anew.
    #[schema(minimum = 1, maximum = 86400)]
    ttl_seconds: Option<u64>,
    /// How long it may be unused before it is paused, 86400 at most.
    #[schema(minimum = 1, maximum = 86400)]
    pause_after_seconds: Option<u64>,
    /// All notes about it.
    metadata: Option<BTreeMap<String, String>>,
}

/// Change a sandbox.
#[utoipa::path(
    patch, path = "/v1/sandboxes/{sandbox}", tag = "sandboxes", params(("sandbox" = String, Path)),
    request_body = ChangeBody,
    responses(
        (status = 200, description = "The sandbox", body = SandboxView),
    )
)]
pub async fn change(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    Only(sandbox): Only<String>,
    Json { value, .. }: Json<ChangeBody>,
) -> Result<Response, Problem> {
    visitor.check(Scope::Execute)?;
    let change = Change { ttl: value.ttl_seconds.map(Duration::from_secs), metadata: value.metadata };
    let idle_max = idle(value.pause_after_seconds)?;
    let kept = served.desk.change_sandbox(&visitor, &id(&sandbox)?, change)?;
    if idle_max.is_some() {
        kept.pause_when_idle(idle_max)?;
    }
    Ok(axum::Json(SandboxView::from(&*kept)).into_response())
}

/// Destroy a sandbox with everything in it.
#[utoipa::path(
    delete, path = "/v1/sandboxes/{sandbox}", tag = "sandboxes", params(("sandbox" = String, Path)),
    responses(
        (status = 204, description = "It is gone"),
    )
)]
pub async fn delete(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    Only(sandbox): Only<String>,
) -> Result<StatusCode, Problem> {
    visitor.check(Scope::Execute)?;
    served.desk.delete_sandbox(&visitor, &id(&sandbox)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Let everything in a sandbox stand still. What runs in it goes on later; its time does not stand still. It is kept so for a day
/// at most, and the next request to it wakes it.
#[utoipa::path(
    post, path = "/v1/sandboxes/{sandbox}/pause", tag = "sandboxes", params(("sandbox" = String, Path)),
    responses(
        (status = 200, description = "The sandbox", body = SandboxView),
    )
)]
pub async fn pause(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    Only(sandbox): Only<String>,
) -> Result<Response, Problem> {
    visitor.check(Scope::Execute)?;
    let kept = served.desk.look_at_sandbox(&visitor, &id(&sandbox)?)?;
    kept.pause().await?;
    Ok(axum::Json(SandboxView::from(&*kept)).into_response())
}

/// Let everything in a sandbox go on.
#[utoipa::path(
    post, path = "/v1/sandboxes/{sandbox}/resume", tag = "sandboxes", params(("sandbox" = String, Path)),
    responses(
        (status = 200, description = "The sandbox", body = SandboxView),
    )
)]
pub async fn resume(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    Only(sandbox): Only<String>,
) -> Result<Response, Problem> {
    visitor.check(Scope::Execute)?;
    let lease = served.desk.sandbox_awake(&visitor, &id(&sandbox)?).await?;
    Ok(axum::Json(SandboxView::from(&*lease)).into_response())
}

/// What a sandbox has used since it was made. What cannot be told here is `null`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Metrics {
    /// CPU time in milliseconds.
    cpu_ms: Option<f64>,
    /// Highest memory use in bytes.
    memory_peak_bytes: Option<u64>,
    /// Processes that were killed because memory ran out.
    oom_kills: Option<u64>,
}

/// What a sandbox has used.
#[utoipa::path(
    get, path = "/v1/sandboxes/{sandbox}/metrics", tag = "sandboxes", params(("sandbox" = String, Path)),
    responses(
        (status = 200, description = "Since it was made", body = Metrics),
    )
)]
pub async fn metrics(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    Only(sandbox): Only<String>,
) -> Result<Response, Problem> {
    visitor.check(Scope::Execute)?;
    let used = served.desk.look_at_sandbox(&visitor, &id(&sandbox)?)?.sandbox().measure();
    let metrics =
        Metrics { cpu_ms: used.cpu_ms, memory_peak_bytes: used.memory_peak_bytes, oom_kills: used.oom_kills };
    Ok(axum::Json(metrics).into_response())
}
