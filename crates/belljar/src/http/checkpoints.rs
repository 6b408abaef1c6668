//! Checkpoints of contexts: states to go back to.

use super::{
    address::Only,
    body::Json,
    contexts::{Named, leased, looked_at, made},
    problem::Problem,
    served::{Served, id},
    views::{ContextView, List},
};
use axum::{
    Extension,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use desk::{Checkpoint, Visitor};
use protocol::{CheckpointId, ContextId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A checkpoint.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "Checkpoint", as = Checkpoint)]
pub struct CheckpointView {
    /// Its id.
    id: CheckpointId,
    /// Of which context.
    context: ContextId,
    /// When it was made.
    created_at: DateTime<Utc>,
}

impl From<&Checkpoint> for CheckpointView {
    fn from(checkpoint: &Checkpoint) -> CheckpointView {
        CheckpointView {
            id: checkpoint.id.clone(),
            context: checkpoint.of.clone(),
            created_at: checkpoint.created_at,
        }
    }
}

/// Keep the state of a context as it is now: its variables, and its files.
#[utoipa::path(
    post, path = "/v1/sandboxes/{sandbox}/contexts/{context}/checkpoints", tag = "checkpoints",
    params(("sandbox" = String, Path), ("context" = String, Path)),
    responses(
        (status = 201, description = "It is there", body = CheckpointView),
    )
)]
pub async fn create(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    Only(named): Named,
) -> Result<Response, Problem> {
    let (lease, context) = leased(&served, &visitor, &named).await?;
    let made = lease.checkpoint(&context).await?;
    Ok((StatusCode::CREATED, axum::Json(CheckpointView::from(&made))).into_response())
}

/// The checkpoints of a context, the oldest first.
#[utoipa::path(
    get, path = "/v1/sandboxes/{sandbox}/contexts/{context}/checkpoints", tag = "checkpoints",
    params(("sandbox" = String, Path), ("context" = String, Path)),
    responses(
        (status = 200, description = "All of them", body = List<CheckpointView>),
    )
)]
pub async fn index(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    Only(named): Named,
) -> Result<Response, Problem> {
    let (kept, context) = looked_at(&served, &visitor, &named)?;
    let all = kept.checkpoints(&context)?;
    let items: Vec<CheckpointView> = all.iter().map(CheckpointView::from).collect();
    Ok(axum::Json(List { items, next_cursor: None }).into_response())
}

/// Forget a checkpoint.
#[utoipa::path(
    delete, path = "/v1/sandboxes/{sandbox}/contexts/{context}/checkpoints/{checkpoint}", tag = "checkpoints",
    params(("sandbox" = String, Path), ("context" = String, Path), ("checkpoint" = String, Path)),
    responses(
        (status = 204, description = "It is gone"),
    )
)]
pub async fn delete(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    Only((sandbox, context, checkpoint)): Only<(String, String, String)>,
) -> Result<StatusCode, Problem> {
    let (lease, context) = leased(&served, &visitor, &(sandbox, context)).await?;
    lease.delete_checkpoint(&context, &id(&checkpoint)?)?;
    Ok(StatusCode::NO_CONTENT)
}

/// To what a context goes back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackBody {
    /// A checkpoint of it.
    checkpoint: CheckpointId,
}

/// Put a context in the place of this one, which ends, with the variables and files of a checkpoint. It has another id; the
/// checkpoints are its own then.
#[utoipa::path(
    post, path = "/v1/sandboxes/{sandbox}/contexts/{context}/rollback", tag = "checkpoints", request_body = RollbackBody,
    params(("sandbox" = String, Path), ("context" = String, Path)),
    responses(
        (status = 201, description = "The context that goes on", body = ContextView),
    )
)]
pub async fn rollback(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    Only(named): Named,
    Json { value, .. }: Json<RollbackBody>,
) -> Result<Response, Problem> {
    let (lease, context) = leased(&served, &visitor, &named).await?;
    let went_on = lease.rollback(&context, &value.checkpoint).await?;
    Ok(made(&lease, &went_on))
}

/// How far a context goes back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UndoBody {
    /// So many executions; 1 where it is absent
    #[serde(default = "one")]
    #[schema(value_type = usize, minimum = 1)]
    steps: std::num::NonZeroUsize,
}

fn one() -> std::num::NonZeroUsize {
    std::num::NonZeroUsize::MIN
}

/// Put a context in the place of this one, which ends, with the variables and files from before its last executions. The
/// context was made with `undo`; it has another id then.
#[utoipa::path(
    post, path = "/v1/sandboxes/{sandbox}/contexts/{context}/undo", tag = "checkpoints", request_body = UndoBody,
    params(("sandbox" = String, Path), ("context" = String, Path)),
    responses(
        (status = 201, description = "The context that goes on", body = ContextView),
    )
)]
pub async fn undo(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    Only(named): Named,
    Json { value, .. }: Json<UndoBody>,
) -> Result<Response, Problem> {
    let (lease, context) = leased(&served, &visitor, &named).await?;
    let went_on = lease.undo(&context, value.steps.get()).await?;
    Ok(made(&lease, &went_on))
}
