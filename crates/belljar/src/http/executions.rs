//! Executions: code in a sandbox of its own, and all executions and commands by their ids.

use super::{
    address::{At, Only},
    body::{Asked, Json},
    headers::Wishes,
    live,
    problem::Problem,
    served::{Served, Wanted, id, policy},
};
use axum::{
    Extension,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use base64::Engine;
use bytes::Bytes;
use desk::{Alone, Begin, File, Made, Repeat, Scope, Visitor, Work};
use interpreter::{ExecuteRequest, Place, SandboxRequest, Stdin};
use protocol::{Language, Limits, Outcome};
use serde::Deserialize;
use std::{collections::BTreeMap, time::Duration};
use tokio::sync::mpsc;
use utoipa::{IntoParams, ToSchema};

const WAIT_MAX: Duration = Duration::from_secs(60);

/// Code, and the sandbox that it runs in alone.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OneShot {
    /// The code.
    code: String,
    /// Its language; Python where it is absent.
    #[serde(default)]
    language: Language,
    /// What is installed; the server's default where it is absent.
    template: Option<String>,
    /// How the sandbox is made; the server's default where it is absent.
    backend: Option<String>,
    /// Refuse to run below this isolation: a level or a strength.
    require: Option<String>,
    /// What is in the sandbox before the code runs.
    #[serde(default)]
    files: Vec<GivenFile>,
    /// What the sandbox may use; the server's default where it is absent.
    limits: Option<Limits>,
    /// What the code may do: open, standard or strict.
    policy: Option<String>,
    /// Environment of the sandbox.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// All of standard input; end of file where it is absent.
    stdin: Option<String>,
    /// Answer at once; the execution goes on when the client goes away.
    #[serde(default)]
    detached: bool,
}

/// A file, as text or as base64.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GivenFile {
    /// Where: absolute, or below `/workspace`.
    path: String,
    /// Its text.
    text: Option<String>,
    /// Its bytes as base64, instead of text.
    base64: Option<String>,
}

impl GivenFile {
    /// Reads it.
    pub fn read(self) -> Result<File, Problem> {
        let wrong = |why: &str| Problem::request(format!("use the file {:?}: {why}", self.path));
        let bytes = match (&self.text, &self.base64) {
            (Some(text), None) => Bytes::from(text.clone()),
            (None, Some(text)) => {
                let decoded = base64::engine::general_purpose::STANDARD.decode(text);
                Bytes::from(decoded.map_err(|_| wrong("it is not base64"))?)
            }
            _ => return Err(wrong("it has either `text` or `base64`")),
        };
        Ok(File { path: self.path, bytes })
    }
}

impl OneShot {
    fn begin(self, served: &Served) -> Result<Begin, Problem> {
        let sandbox = served.room(Wanted {
            template: self.template,
            backend: self.backend,
            require: self.require,
            limits: self.limits,
            env: self.env,
        })?;
        let files = self.files.into_iter().map(GivenFile::read).collect::<Result<Vec<File>, Problem>>()?;
        let place = Place::Fresh(SandboxRequest::default());
        let mut request = ExecuteRequest::new(self.code, self.language, place);
        request.policy = policy(self.policy.as_deref())?;
        request.stdin = stdin(self.stdin);
        Ok(Begin { work: Work::Fresh(Alone { sandbox, files, keep: None }), request })
    }
}

/// Standard input that is known from the beginning.
pub fn stdin(text: Option<String>) -> Stdin {
    let Some(text) = text else { return Stdin::Closed };
    let (sender, source) = mpsc::channel(1);
    let _ = sender.try_send(Bytes::from(text));
    Stdin::Piped(source)
}

/// Run code in a sandbox of its own.
///
/// The answer is the outcome, also where the code fails. With `Accept: text/event-stream` the answer is its events as
/// they happen. When the client goes away, the code is interrupted, unless it is `detached` or the request has an
/// `Idempotency-Key`.
#[utoipa::path(
    post, path = "/v1/executions", tag = "executions", request_body = OneShot,
    params(("Idempotency-Key" = Option<String>, Header, description = "Carried out once, however often it comes")),
    responses(
        (status = 200, description = "It has ended", content((Outcome = "application/json"), (String = "text/event-stream"))),
        (status = 202, description = "It runs, detached", body = super::views::RunView),
    )
)]
pub async fn create(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    Only(()): Only<()>,
    headers: HeaderMap,
    Json { value, bytes, .. }: Json<OneShot>,
) -> Result<Response, Problem> {
    visitor.check(Scope::Execute)?;
    let detached = value.detached;
    let begin = value.begin(&served)?;
    begin_once(&served, &visitor, Start { begin, detached, target: "executions", body: bytes }, &headers)
        .await
}

/// What shall begin.
pub struct Start<'a> {
    /// The code.
    pub begin: Begin,
    /// Whether it goes on without its client.
    pub detached: bool,
    /// Where the request went.
    pub target: &'a str,
    /// The request.
    pub body: Bytes,
}

/// Begins code, once where the request has a key, and answers.
pub async fn begin_once(
    served: &Served,
    visitor: &Visitor,
    start: Start<'_>,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let wishes = Wishes::read(headers);
    let Start { begin, detached, target, body } = start;
    let run = match &wishes.once {
        None => served.desk.execute(visitor, begin).await?,
        Some(key) => {
            let make = async { Ok(Made::Run(served.desk.execute(visitor, begin).await?.id.clone())) };
            let (made, _) = served.desk.once(visitor, Repeat { key, target, body: &body }, make).await?;
            run_of(served, visitor, made)?
        }
    };
    Ok(live::begun(run, &wishes, detached).await)
}

/// The execution that a request made before.
pub fn run_of(served: &Served, visitor: &Visitor, made: Made) -> Result<std::sync::Arc<desk::Run>, Problem> {
    match made {
        Made::Run(id) => Ok(served.desk.run(visitor, &id)?),
        Made::Sandbox(_) | Made::Context(_) => Err(desk::DeskError::NotTheSame.into()),
    }
}

/// How long to wait.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Wait {
    /// Wait so many milliseconds for the end, 60000 at most.
    wait_ms: Option<u64>,
}

/// An execution or a command.
///
/// With `Accept: text/event-stream` its events, from the first one or after `Last-Event-ID`. It can be asked for while
/// it runs and for ten minutes after it ended.
#[utoipa::path(
    get, path = "/v1/executions/{id}", tag = "executions",
    params(("id" = String, Path), Wait, ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that is known")),
    responses(
        (status = 200, description = "Where it stands", content((super::views::RunView = "application/json"), (String = "text/event-stream"))),
    )
)]
pub async fn get(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    At(execution): At<String>,
    Asked(wait): Asked<Wait>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    visitor.check(Scope::Execute)?;
    let run = served.desk.run(&visitor, &id(&execution)?)?;
    let time = Duration::from_millis(wait.wait_ms.unwrap_or(0)).min(WAIT_MAX);
    let _ = tokio::time::timeout(time, run.end()).await;
    Ok(live::found(run, &Wishes::read(&headers)))
}

/// Stop an execution or a command.
///
/// It is interrupted, and killed where it does not end. The answer is its outcome.
#[utoipa::path(
    delete, path = "/v1/executions/{id}", tag = "executions", params(("id" = String, Path)),
    responses(
        (status = 200, description = "It has ended", body = Outcome),
    )
)]
pub async fn delete(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    Only(execution): Only<String>,
) -> Result<Response, Problem> {
    visitor.check(Scope::Execute)?;
    let run = served.desk.run(&visitor, &id(&execution)?)?;
    run.interrupt();
    Ok(axum::Json(run.end().await).into_response())
}
