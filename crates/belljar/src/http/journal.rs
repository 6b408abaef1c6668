//! What the journal holds of the caller's own.

use super::{
    address::Only,
    body::Asked,
    pages::Part,
    problem::Problem,
    served::{Served, id},
    views::List,
};
use axum::{
    Extension,
    extract::State,
    response::{IntoResponse, Response},
};
use desk::{DeskError, Scope, Visitor};
use utoipa::ToSchema;

/// One line of a list, or one entry with everything; as `belljar log` prints it as JSON.
#[derive(ToSchema)]
#[schema(value_type = Object)]
#[allow(dead_code)]
pub struct Entry(serde_json::Value);

fn limit(part: &Part) -> Result<u32, Problem> {
    Ok(u32::try_from(part.limit()?).unwrap_or(u32::MAX))
}

fn listed<T: serde::Serialize>(items: Vec<T>, limit: u32, id: impl Fn(&T) -> String) -> Response {
    let more = items.len() >= limit as usize;
    let next_cursor = items.last().filter(|_| more).map(id);
    axum::Json(List { items, next_cursor }).into_response()
}

/// Executions and commands, the newest first.
#[utoipa::path(
    get, path = "/v1/journal/executions", tag = "journal", params(Part),
    responses(
        (status = 200, description = "One page", body = List<Entry>),
    )
)]
pub async fn executions(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    Asked(part): Asked<Part>,
) -> Result<Response, Problem> {
    visitor.check(Scope::Journal)?;
    let before = part.cursor.as_deref().map(id).transpose()?;
    let limit = limit(&part)?;
    let runs = served.desk.recorded(&visitor, limit, before.as_ref()).await?;
    Ok(listed(runs, limit, |run| run.id.to_string()))
}

/// An execution or a command with its code and its outcome.
#[utoipa::path(
    get, path = "/v1/journal/executions/{id}", tag = "journal", params(("id" = String, Path)),
    responses(
        (status = 200, description = "All of it", body = Entry),
    )
)]
pub async fn execution(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    Only(execution): Only<String>,
) -> Result<Response, Problem> {
    visitor.check(Scope::Journal)?;
    Ok(axum::Json(served.desk.recorded_one(&visitor, &id(&execution)?).await?).into_response())
}

/// Answers of the agent, the newest first.
#[utoipa::path(
    get, path = "/v1/journal/answers", tag = "journal", params(Part),
    responses(
        (status = 200, description = "One page", body = List<Entry>),
    )
)]
pub async fn answers(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    Asked(part): Asked<Part>,
) -> Result<Response, Problem> {
    visitor.check(Scope::Journal)?;
    let before = part.cursor.as_deref().map(id).transpose()?;
    let limit = limit(&part)?;
    let list = served.desk.journal()?.list(&visitor.caller().0, limit, before.as_ref()).await;
    Ok(listed(list.map_err(DeskError::from)?, limit, |answer| answer.id.to_string()))
}

/// An answer of the agent with what led to it.
#[utoipa::path(
    get, path = "/v1/journal/answers/{id}", tag = "journal", params(("id" = String, Path)),
    responses(
        (status = 200, description = "All of it", body = Entry),
    )
)]
pub async fn answer(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    Only(answer): Only<String>,
) -> Result<Response, Problem> {
    visitor.check(Scope::Journal)?;
    let answer: protocol::AnswerId = id(&answer)?;
    let entry = served.desk.journal()?.show(&visitor.caller().0, answer.as_str()).await;
    Ok(axum::Json(entry.map_err(DeskError::from)?).into_response())
}
