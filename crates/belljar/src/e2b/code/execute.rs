//! One cell: it waits for its turn in its context, runs, and is told line by line. Whoever goes away interrupts it.

use super::{
    Plain,
    contexts::{CodeContext, language, read},
    lines::line,
    results,
};
use crate::{e2b::place::Place, http::Served};
use axum::{
    Extension,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{SecondsFormat, Utc};
use desk::{DeskError, Lease, Run, Turn};
use futures_util::stream;
use interpreter::ExecuteRequest;
use protocol::{EventKind, ExecutionId, Outcome, Status};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, PoisonError},
    time::Duration,
};
use tokio::sync::mpsc;

const TOKEN: &str = "x-access-token";
const BODY_BYTES_MAX: usize = 32 << 20;
const KEEPALIVE: Duration = Duration::from_secs(5);
/// Lines that were not sent yet.
const LINES: usize = 16;
/// Clients end cells by going away; until then a cell may run as long as any sandbox.
const TIMEOUT_MS: u64 = 24 * 3600 * 1000;

#[derive(Deserialize)]
struct Cell {
    code: String,
    context_id: Option<String>,
    language: Option<String>,
    env_vars: Option<BTreeMap<String, String>>,
}

/// Runs a cell.
pub async fn execute(
    State(served): State<Served>,
    Extension(place): Extension<Place>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Plain> {
    if !headers.get(TOKEN).is_some_and(|token| place.room.knows_access(token.as_bytes())) {
        return Err(Plain::new(StatusCode::UNAUTHORIZED, "the access token of this sandbox is another one"));
    }
    let cell: Cell = read(body, BODY_BYTES_MAX).await?;
    let contexts = &place.room.contexts;
    let context = match (&cell.context_id, &cell.language) {
        (Some(_), Some(_)) => {
            return Err(Plain::new(
                StatusCode::BAD_REQUEST,
                "Only one of context_id or language can be provided",
            ));
        }
        (Some(id), None) => contexts.find(id)?,
        (None, Some(name)) => contexts.usual(language(name)?),
        (None, None) => contexts.usual(protocol::Language::Python),
    };
    let (lines, receiver) = mpsc::channel(LINES);
    let telling = Telling { served, place, context, lines };
    tokio::spawn(telling.tell(cell.code, cell.env_vars.unwrap_or_default()));
    let body = stream::unfold(receiver, |mut lines| async move { Some((lines.recv().await?, lines)) });
    let mut response = Body::from_stream(body).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    Ok(response)
}

/// A cell on its way.
struct Telling {
    served: Served,
    place: Place,
    context: Arc<CodeContext>,
    lines: mpsc::Sender<io::Result<Bytes>>,
}

/// Why a cell is told no further.
#[derive(PartialEq)]
enum Stopped {
    /// Whoever asked is gone.
    Away,
    /// The sandbox stands still, and goes on with the cell later.
    Paused,
}

impl Telling {
    async fn tell(self, code: String, env: BTreeMap<String, String>) {
        let told = self.run(code, env).await;
        // Who is away hears nothing of it.
        drop(told);
    }

    async fn say(&self, event: &Value) -> Result<(), Stopped> {
        self.lines.send(Ok(line(event).into())).await.map_err(|_| Stopped::Away)
    }

    async fn fail(&self, name: &str, message: &str) -> Result<(), Stopped> {
        self.say(&json!({"type": "error", "name": name, "value": message, "traceback": format!("{name}: {message}")})).await?;
        self.say(&json!({"type": "end_of_execution"})).await
    }

    /// Waits for something, and shows meanwhile that it does. Stops waiting for whoever is away.
    async fn patiently<T>(&self, wait: impl Future<Output = T>) -> Result<T, Stopped> {
        let mut wait = std::pin::pin!(wait);
        loop {
            tokio::select! {
                done = &mut wait => return Ok(done),
                () = self.lines.closed() => return Err(Stopped::Away),
                () = self.place.kept.paused() => {
                    let _ = self.lines.send(Err(self.place.break_off())).await;
                    return Err(Stopped::Paused);
                }
                () = tokio::time::sleep(KEEPALIVE) => self.say(&json!({"type": "keepalive"})).await?,
            }
        }
    }

    async fn run(&self, code: String, env: BTreeMap<String, String>) -> Result<(), Stopped> {
        let context = &self.context;
        let mut known = self.patiently(context.turn.lock()).await?;
        let restarts = context.restarts();
        let begun = match self.patiently(self.turn()).await? {
            Ok(turn) => self.begun(self.begin(turn, &mut known, code, env)).await?,
            Err(error) => Err(error),
        };
        let run = match begun {
            Ok(run) => run,
            Err(DeskError::Interpreter(interpreter::Error::SandboxLost { .. })) => {
                let _ = self.lines.send(Err(self.place.break_off())).await;
                return Ok(());
            }
            Err(error) => return self.fail(error.code(), &format!("cannot {error}")).await,
        };
        *context.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(run.clone());
        let told = self.follow(&run, restarts).await;
        if let Err(stopped) = &told {
            self.leave(&run, stopped).await;
        }
        drop(known);
        told
    }

    /// Waits for a beginning. Half of one cannot be undone: it is waited for by whoever is away as well.
    async fn begun(
        &self,
        begin: impl Future<Output = Result<Arc<Run>, DeskError>>,
    ) -> Result<Result<Arc<Run>, DeskError>, Stopped> {
        let mut begin = std::pin::pin!(begin);
        let waited = self.patiently(begin.as_mut()).await;
        if let Err(stopped) = &waited
            && let Ok(run) = begin.await
        {
            self.leave(&run, stopped).await;
        }
        waited
    }

    /// Waits for the end of a cell that is told no further.
    async fn leave(&self, run: &Arc<Run>, stopped: &Stopped) {
        if *stopped == Stopped::Away {
            run.interrupt();
        }
        run.end().await;
    }

    async fn turn(&self) -> Result<(Lease, Turn), DeskError> {
        let (desk, visitor) = (&self.served.desk, &self.place.room.visitor);
        let lease = desk.sandbox(visitor, self.place.kept.id())?;
        let turn = desk.turn_in(visitor, &lease).await?;
        Ok((lease, turn))
    }

    async fn begin(
        &self,
        (lease, turn): (Lease, Turn),
        known: &mut Option<protocol::ContextId>,
        code: String,
        env: BTreeMap<String, String>,
    ) -> Result<Arc<Run>, DeskError> {
        let (place, desk) = (&self.place, &self.served.desk);
        let interpreter = self.context.interpreter(place, known).await?;
        let language = interpreter.language();
        let mut request =
            ExecuteRequest::new(code, language, interpreter::Place::Context(interpreter.clone()));
        request.timeout_ms = Some(TIMEOUT_MS);
        request.env = place.room.env.clone();
        request.env.extend(env);
        desk.execute_in(turn, lease, interpreter, request).await
    }

    async fn follow(&self, run: &Arc<Run>, restarts: u64) -> Result<(), Stopped> {
        let count = self.context.count();
        self.place.room.log(format!("cell {count} of {} began", self.context.language));
        self.say(&json!({"type": "number_of_executions", "execution_count": count})).await?;
        let mut events = run.events(None);
        while let Some(event) = self.patiently(events.next()).await? {
            match &event.kind {
                EventKind::Stdout { text } => self.output("stdout", text).await?,
                EventKind::Stderr { text } => self.output("stderr", text).await?,
                EventKind::Truncated { stream, bytes } => {
                    let text = format!("[belljar left out {bytes} bytes of {stream}]\n");
                    self.output("stderr", &text).await?;
                }
                EventKind::Result { bundle, .. } => self.say(&results::result(bundle)).await?,
                EventKind::Error { .. } | EventKind::File { .. } => {}
                EventKind::End { outcome } => return self.end(&run.id, outcome, restarts).await,
            }
        }
        Ok(())
    }

    async fn output(&self, stream: &str, text: &str) -> Result<(), Stopped> {
        let now = Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true);
        self.say(&json!({"type": stream, "text": text, "timestamp": now})).await
    }

    async fn end(&self, id: &ExecutionId, outcome: &Outcome, restarts: u64) -> Result<(), Stopped> {
        let place = &self.place;
        place.room.log(format!("{id} ended as {}", json!(outcome.status).as_str().unwrap_or_default()));
        if outcome.status == Status::Lost && !place.kept.sandbox().is_alive() {
            let _ = self.lines.send(Err(place.break_off())).await;
            return Ok(());
        }
        if self.context.restarts() != restarts {
            return self.fail("ContextRestarting", "Context is restarting").await;
        }
        if let Some(error) = &outcome.error {
            self.say(&results::error(error)).await?;
        }
        self.say(&json!({"type": "end_of_execution"})).await
    }
}
