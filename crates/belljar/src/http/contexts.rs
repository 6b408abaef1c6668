//! Contexts of a sandbox, and the code that runs in them.

use super::{
    address::{At, Only},
    body::{Asked, Json},
    executions::{Start, begin_once, stdin},
    headers::Wishes,
    problem::Problem,
    served::{Served, id, policy},
    views::{ContextView, List, RunView},
};
use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use desk::{Begin, DeskError, Kept, Lease, Made, Repeat, Scope, Visitor, Work};
use interpreter::{Context, ContextRequest, ExecuteRequest, ForkRequest, Place};
use protocol::{ContextId, ForkReport, Language, Outcome};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};
use utoipa::{IntoParams, ToSchema};

/// What a context shall be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContextBody {
    /// What it speaks; Python where it is absent.
    #[serde(default)]
    language: Language,
    /// Where it begins; `/workspace` where it is absent.
    cwd: Option<String>,
    /// Environment on top of the sandbox's.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// How many of its executions can be undone: the state before each is kept, for some milliseconds and the memory that
    /// changes; 0 where it is absent
    #[serde(default)]
    #[schema(maximum = 64)]
    undo: usize,
}

/// States of one context at most.
const UNDO_MAX: usize = 64;

/// Make a context: an interpreter that keeps its variables between executions.
#[utoipa::path(
    post, path = "/v1/sandboxes/{sandbox}/contexts", tag = "contexts", request_body = ContextBody,
    params(("sandbox" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "Carried out once, however often it comes")),
    responses(
        (status = 201, description = "It is there", body = ContextView),
    )
)]
pub async fn create(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    Only(sandbox): Only<String>,
    headers: HeaderMap,
    Json { value, bytes, .. }: Json<ContextBody>,
) -> Result<Response, Problem> {
    visitor.check(Scope::Execute)?;
    let lease = served.desk.sandbox_awake(&visitor, &id(&sandbox)?).await?;
    let ContextBody { language, cwd, env, undo } = value;
    if undo > UNDO_MAX {
        let (what, why) = (format!("undo = {undo}"), format!("it is {UNDO_MAX} at most"));
        return Err(DeskError::Request { what, why }.into());
    }
    let request = ContextRequest { language, cwd, env, stdin: false };
    let make = async {
        let context = lease.create_context(request).await?;
        if undo > 0 {
            lease.remember(context.id(), undo)?;
        }
        Ok::<_, DeskError>(context)
    };
    let context = match Wishes::read(&headers).once {
        None => make.await?,
        Some(key) => {
            let make = async { Ok(Made::Context(make.await?.id().clone())) };
            let target = format!("{sandbox}/contexts");
            match served
                .desk
                .once(&visitor, Repeat { key: &key, target: &target, body: &bytes }, make)
                .await?
            {
                (Made::Context(id), _) => lease.context(&id)?,
                _ => return Err(DeskError::NotTheSame.into()),
            }
        }
    };
    Ok(made(&lease, &context))
}

/// The contexts of a sandbox.
#[utoipa::path(
    get, path = "/v1/sandboxes/{sandbox}/contexts", tag = "contexts", params(("sandbox" = String, Path)),
    responses(
        (status = 200, description = "All of them", body = List<ContextView>),
    )
)]
pub async fn index(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    Only(sandbox): Only<String>,
) -> Result<Response, Problem> {
    visitor.check(Scope::Execute)?;
    let kept = served.desk.look_at_sandbox(&visitor, &id(&sandbox)?)?;
    Ok(axum::Json(List { items: ContextView::all(&kept), next_cursor: None }).into_response())
}

/// One context, with the memory that it has now.
#[utoipa::path(
    get, path = "/v1/sandboxes/{sandbox}/contexts/{context}", tag = "contexts",
    params(("sandbox" = String, Path), ("context" = String, Path)),
    responses(
        (status = 200, description = "It", body = ContextView),
    )
)]
pub async fn show(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    Only(named): Named,
) -> Result<Response, Problem> {
    let (kept, context) = looked_at(&served, &visitor, &named)?;
    let context = kept.context(&context)?;
    let mut view = ContextView::of(&kept, &context);
    if view.alive && !kept.is_paused() {
        // One that ends meanwhile has none.
        view.memory_bytes = context.memory_bytes().await.ok();
    }
    Ok(axum::Json(view).into_response())
}

/// A sandbox and one of its contexts, by their names in an address.
pub type Named = Only<(String, String)>;

/// The sandbox, which goes on where it was paused, and the context's id, for somebody who may run code.
pub async fn leased(
    served: &Served,
    visitor: &Visitor,
    (sandbox, context): &(String, String),
) -> Result<(Lease, ContextId), Problem> {
    visitor.check(Scope::Execute)?;
    let (sandbox, context) = (id(sandbox)?, id(context)?);
    Ok((served.desk.sandbox_awake(visitor, &sandbox).await?, context))
}

/// The same without waking it.
pub fn looked_at(
    served: &Served,
    visitor: &Visitor,
    (sandbox, context): &(String, String),
) -> Result<(Arc<Kept>, ContextId), Problem> {
    visitor.check(Scope::Execute)?;
    let (sandbox, context) = (id(sandbox)?, id(context)?);
    Ok((served.desk.look_at_sandbox(visitor, &sandbox)?, context))
}

/// A context is there that was not there before.
pub fn made(kept: &Kept, context: &Context) -> Response {
    (StatusCode::CREATED, axum::Json(ContextView::of(kept, context))).into_response()
}

/// What ends with a context.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Ending {
    /// `all`: its forks end too, and theirs. Otherwise they live on.
    #[param(pattern = "^all$")]
    forks: Option<String>,
}

/// End a context with every process that was started in it. Files stay.
#[utoipa::path(
    delete, path = "/v1/sandboxes/{sandbox}/contexts/{context}", tag = "contexts",
    params(("sandbox" = String, Path), ("context" = String, Path), Ending),
    responses(
        (status = 204, description = "It is gone"),
    )
)]
pub async fn delete(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    At(named): At<(String, String)>,
    Asked(ending): Asked<Ending>,
) -> Result<StatusCode, Problem> {
    let (lease, context) = leased(&served, &visitor, &named).await?;
    match ending.forks.as_deref() {
        None => lease.delete_context(&context)?,
        Some("all") => lease.delete_context_with_forks(&context)?,
        Some(other) => {
            let (what, why) = (format!("forks = {other}"), "it is `all`".to_owned());
            return Err(DeskError::Request { what, why }.into());
        }
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Put a new context in the place of this one, which ends: the same language, no variables, another id.
#[utoipa::path(
    post, path = "/v1/sandboxes/{sandbox}/contexts/{context}/restart", tag = "contexts",
    params(("sandbox" = String, Path), ("context" = String, Path)),
    responses(
        (status = 201, description = "The new one", body = ContextView),
    )
)]
pub async fn restart(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    Only(named): Named,
) -> Result<Response, Problem> {
    let (lease, context) = leased(&served, &visitor, &named).await?;
    let context = lease.restart_context(&context).await?;
    Ok(made(&lease, &context))
}

/// What forks of a context shall be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ForkBody {
    /// How many.
    #[serde(default = "one")]
    #[schema(minimum = 1, maximum = 64)]
    count: usize,
    /// Random generators go on as the parent's does; otherwise each fork's are seeded anew.
    #[serde(default)]
    same_random: bool,
}

fn one() -> usize {
    1
}

/// Forks, and what they do not have.
#[derive(Debug, Serialize, ToSchema)]
pub struct ForkedView {
    /// The new contexts.
    contexts: Vec<ContextView>,
    /// What only the parent has.
    report: ForkReport,
}

/// Fork a context: new ones with the same variables, each with its own copies of the files in the workspace, the home and
/// `/tmp`. The parent runs nothing meanwhile.
#[utoipa::path(
    post, path = "/v1/sandboxes/{sandbox}/contexts/{context}/fork", tag = "contexts", request_body = ForkBody,
    params(("sandbox" = String, Path), ("context" = String, Path)),
    responses(
        (status = 201, description = "They are there", body = ForkedView),
    )
)]
pub async fn fork(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    Only(named): Named,
    Json { value, .. }: Json<ForkBody>,
) -> Result<Response, Problem> {
    let (lease, context) = leased(&served, &visitor, &named).await?;
    let request = ForkRequest { count: value.count, same_random: value.same_random };
    let forked = lease.fork_context(&context, request).await?;
    let contexts = forked.contexts.iter().map(|context| ContextView::of(&lease, context)).collect();
    Ok((StatusCode::CREATED, axum::Json(ForkedView { contexts, report: forked.report })).into_response())
}

/// Interrupt what runs in a context, as Ctrl-C does.
#[utoipa::path(
    post, path = "/v1/sandboxes/{sandbox}/contexts/{context}/interrupt", tag = "contexts",
    params(("sandbox" = String, Path), ("context" = String, Path)),
    responses(
        (status = 202, description = "It was interrupted", body = RunView),
        (status = 204, description = "Nothing runs in it"),
    )
)]
pub async fn interrupt(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    Only(named): Named,
) -> Result<Response, Problem> {
    let (lease, context) = leased(&served, &visitor, &named).await?;
    let context = lease.context(&context)?;
    Ok(match served.desk.interrupt_context(&visitor, &context) {
        Some(run) => (StatusCode::ACCEPTED, axum::Json(RunView::from(&*run))).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

/// Code for a context.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CodeBody {
    /// The code, in the context's language.
    code: String,
    /// Wall time in milliseconds; the sandbox's limit where it is absent.
    timeout_ms: Option<u64>,
    /// What the code may do: open, standard or strict.
    policy: Option<String>,
    /// Answer at once; the execution goes on when the client goes away.
    #[serde(default)]
    detached: bool,
}

/// Run code in a context.
///
/// As for `/v1/executions`: the answer is the outcome, or its events. One at a time in a context.
#[utoipa::path(
    post, path = "/v1/sandboxes/{sandbox}/contexts/{context}/executions", tag = "contexts", request_body = CodeBody,
    params(
        ("sandbox" = String, Path), ("context" = String, Path),
        ("Idempotency-Key" = Option<String>, Header, description = "Carried out once, however often it comes"),
    ),
    responses(
        (status = 200, description = "It has ended", content((Outcome = "application/json"), (String = "text/event-stream"))),
        (status = 202, description = "It runs, detached", body = RunView),
    )
)]
pub async fn execute(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    Only(named): Named,
    headers: HeaderMap,
    Json { value, bytes, .. }: Json<CodeBody>,
) -> Result<Response, Problem> {
    let (lease, id) = leased(&served, &visitor, &named).await?;
    let (sandbox, context) = (lease.id().clone(), lease.context(&id)?);
    let target = format!("{sandbox}/{id}");
    let mut request = ExecuteRequest::new(value.code, context.language(), Place::Context(context));
    request.timeout_ms = value.timeout_ms;
    request.policy = policy(value.policy.as_deref())?;
    request.stdin = stdin(None);
    let begin = Begin { work: Work::Context(sandbox, id), request };
    begin_once(
        &served,
        &visitor,
        Start { begin, detached: value.detached, target: &target, body: bytes },
        &headers,
    )
    .await
}
