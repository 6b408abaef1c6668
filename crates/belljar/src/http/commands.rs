//! Commands: programs beside the contexts of a sandbox.

use super::{
    address::{At, Only},
    body::{Asked, Json, whole},
    executions::{run_of, stdin},
    headers::Wishes,
    live,
    pages::{Part, list},
    problem::Problem,
    served::{Served, id, policy},
    views::{List, RunView},
};
use axum::{
    Extension,
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use desk::{Kind, Made, Repeat, Run, Scope, Visitor};
use interpreter::{CommandRequest, Program};
use protocol::{Outcome, SandboxId};
use serde::Deserialize;
use std::{collections::BTreeMap, sync::Arc};
use utoipa::{IntoParams, ToSchema};

const STDIN_BYTES_MAX: usize = 1 << 20;
/// Names of signals that programs are sent.
const SIGNALS: [(&str, i32); 9] = [
    ("SIGHUP", 1),
    ("SIGINT", 2),
    ("SIGQUIT", 3),
    ("SIGKILL", 9),
    ("SIGUSR1", 10),
    ("SIGUSR2", 12),
    ("SIGTERM", 15),
    ("SIGCONT", 18),
    ("SIGSTOP", 19),
];

/// A command.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandBody {
    /// A line for Bash.
    command: Option<String>,
    /// A program and its arguments, instead of a line.
    argv: Option<Vec<String>>,
    /// Where it begins; `/workspace` where it is absent.
    cwd: Option<String>,
    /// Environment on top of the sandbox's.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// All of standard input; end of file where it is absent.
    stdin: Option<String>,
    /// Standard input will be sent with `/stdin`.
    #[serde(default)]
    stdin_open: bool,
    /// Wall time in milliseconds; the sandbox's limit where it is absent.
    timeout_ms: Option<u64>,
    /// What it may do, as Bash: open, standard or strict.
    policy: Option<String>,
    /// Answer at once; the command goes on when the client goes away.
    #[serde(default)]
    background: bool,
}

impl CommandBody {
    fn request(self) -> Result<CommandRequest, Problem> {
        let program = match (self.command, self.argv) {
            (Some(line), None) => Program::Shell(line),
            (None, Some(argv)) => Program::Argv(argv),
            _ => return Err(Problem::request("run this: it has either `command` or `argv`")),
        };
        Ok(CommandRequest {
            cwd: self.cwd,
            env: self.env,
            stdin: stdin(self.stdin),
            timeout_ms: self.timeout_ms,
            policy: policy(self.policy.as_deref())?,
            ..CommandRequest::new(program)
        })
    }
}

/// Run a command.
///
/// The answer is the outcome, or its events with `Accept: text/event-stream`, or at once with `background`.
#[utoipa::path(
    post, path = "/v1/sandboxes/{sandbox}/commands", tag = "commands", request_body = CommandBody,
    params(("sandbox" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "Carried out once, however often it comes")),
    responses(
        (status = 200, description = "It has ended", content((Outcome = "application/json"), (String = "text/event-stream"))),
        (status = 202, description = "It runs in the background", body = RunView),
    )
)]
pub async fn create(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    Only(sandbox): Only<String>,
    headers: HeaderMap,
    Json { value, bytes, .. }: Json<CommandBody>,
) -> Result<Response, Problem> {
    visitor.check(Scope::Execute)?;
    let place: SandboxId = id(&sandbox)?;
    let (background, open) = (value.background, value.stdin_open);
    let request = value.request()?;
    let wishes = Wishes::read(&headers);
    let desk = &served.desk;
    let run = match &wishes.once {
        None => desk.command(&visitor, &place, request, open).await?,
        Some(key) => {
            let make =
                async { Ok(Made::Run(desk.command(&visitor, &place, request, open).await?.id.clone())) };
            let target = format!("{place}/commands");
            let (made, _) = desk.once(&visitor, Repeat { key, target: &target, body: &bytes }, make).await?;
            run_of(&served, &visitor, made)?
        }
    };
    Ok(live::begun(run, &wishes, background).await)
}

/// The commands of a sandbox that run or ended lately.
#[utoipa::path(
    get, path = "/v1/sandboxes/{sandbox}/commands", tag = "commands", params(("sandbox" = String, Path), Part),
    responses(
        (status = 200, description = "One page", body = List<RunView>),
    )
)]
pub async fn index(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    At(sandbox): At<String>,
    Asked(part): Asked<Part>,
) -> Result<Response, Problem> {
    visitor.check(Scope::Execute)?;
    let place: SandboxId = id(&sandbox)?;
    served.desk.look_at_sandbox(&visitor, &place)?;
    let after = part.cursor.as_deref().map(id).transpose()?;
    let here = |run: &Run| run.kind == Kind::Command && run.sandbox.as_ref() == Some(&place);
    let page = served.desk.list_runs(&visitor, here, after.as_ref(), part.limit()?);
    Ok(list(page, |run| RunView::from(&*run)).into_response())
}

fn find(served: &Served, visitor: &Visitor, (sandbox, command): (&str, &str)) -> Result<Arc<Run>, Problem> {
    visitor.check(Scope::Execute)?;
    let place: SandboxId = id(sandbox)?;
    let run = served.desk.run(visitor, &id(command)?)?;
    match run.kind == Kind::Command && run.sandbox == Some(place) {
        true => Ok(run),
        false => Err(Problem::not_found(format!("find the command {}", run.id))),
    }
}

/// A command; with `Accept: text/event-stream` its events.
#[utoipa::path(
    get, path = "/v1/sandboxes/{sandbox}/commands/{command}", tag = "commands",
    params(("sandbox" = String, Path), ("command" = String, Path)),
    responses(
        (status = 200, description = "Where it stands", content((RunView = "application/json"), (String = "text/event-stream"))),
    )
)]
pub async fn get(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    Only((sandbox, command)): Only<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let run = find(&served, &visitor, (&sandbox, &command))?;
    Ok(live::found(run, &Wishes::read(&headers)))
}

/// Stop a command; the answer is its outcome.
#[utoipa::path(
    delete, path = "/v1/sandboxes/{sandbox}/commands/{command}", tag = "commands",
    params(("sandbox" = String, Path), ("command" = String, Path)),
    responses(
        (status = 200, description = "It has ended", body = Outcome),
    )
)]
pub async fn delete(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    Only((sandbox, command)): Only<(String, String)>,
) -> Result<Response, Problem> {
    let run = find(&served, &visitor, (&sandbox, &command))?;
    run.interrupt();
    Ok(axum::Json(run.end().await).into_response())
}

/// Whether more will come.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Last {
    /// No more will come: the command reads end of file.
    #[serde(default)]
    end: bool,
}

/// Send standard input: the body, as it is.
#[utoipa::path(
    post, path = "/v1/sandboxes/{sandbox}/commands/{command}/stdin", tag = "commands",
    params(("sandbox" = String, Path), ("command" = String, Path), Last),
    request_body(content = String, content_type = "application/octet-stream"),
    responses(
        (status = 204, description = "It was sent"),
    )
)]
pub async fn write(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    At((sandbox, command)): At<(String, String)>,
    Asked(last): Asked<Last>,
    body: Body,
) -> Result<StatusCode, Problem> {
    let run = find(&served, &visitor, (&sandbox, &command))?;
    let body = whole(body, STDIN_BYTES_MAX).await?;
    run.write_stdin(body.bytes, last.end).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A signal.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignalBody {
    /// Its name, such as `SIGTERM`.
    signal: String,
}

/// Send a signal to a command and the processes of its group.
#[utoipa::path(
    post, path = "/v1/sandboxes/{sandbox}/commands/{command}/signal", tag = "commands", request_body = SignalBody,
    params(("sandbox" = String, Path), ("command" = String, Path)),
    responses(
        (status = 204, description = "It was sent"),
    )
)]
pub async fn signal(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    Only((sandbox, command)): Only<(String, String)>,
    Json { value, .. }: Json<SignalBody>,
) -> Result<StatusCode, Problem> {
    let run = find(&served, &visitor, (&sandbox, &command))?;
    let known = SIGNALS.iter().find(|(name, _)| *name == value.signal);
    let (_, number) = known.ok_or_else(|| {
        let names = SIGNALS.map(|(name, _)| name).join(", ");
        Problem::request(format!("send {:?}", value.signal)).hint(format!("there are {names}"))
    })?;
    run.signal(*number)?;
    Ok(StatusCode::NO_CONTENT)
}
