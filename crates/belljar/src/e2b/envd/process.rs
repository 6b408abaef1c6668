//! `process.Process`: programs that clients start, attach to, feed and end.

use super::{access::User, paths::absolute};
use crate::{
    e2b::{
        place::Place,
        rpc::{self, Code, Messages, RpcError, Streaming, Unary},
    },
    http::Served,
};
use axum::{
    Extension, Json,
    body::Body,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use desk::{Attached, Attaching, DeskError, Listener, Said};
use interpreter::{Error, ProcessEnd, ProcessRequest, Program};
use protocol::guest::{EntryKind, Exit, Stream, WindowSize};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep, sleep_until, timeout};

const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;
/// How long a signal that kills may take until the process is gone.
const REAPED: Duration = Duration::from_secs(5);
const TAG: &str = "tag";

/// A program as it was asked for, and as lists tell it.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Config {
    cmd: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    args: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    envs: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cwd: Option<String>,
}

/// A terminal.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Pty {
    size: Size,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Size {
    cols: u16,
    rows: u16,
}

impl Pty {
    fn size(&self) -> WindowSize {
        WindowSize { columns: self.size.cols, rows: self.size.rows }
    }
}

/// What to start.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Start {
    process: Config,
    pty: Option<Pty>,
    tag: Option<String>,
    stdin: Option<bool>,
}

/// Which process.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Selector {
    pid: Option<u32>,
    tag: Option<String>,
}

impl Selector {
    fn find(&self, place: &Place) -> Result<Arc<Attached>, RpcError> {
        let missing = |what: String| RpcError::new(Code::NotFound, format!("process with {what} not found"));
        match (self.pid, &self.tag) {
            (Some(pid), _) => place.kept.attached(pid).ok_or_else(|| missing(format!("pid {pid}"))),
            (None, Some(tag)) => {
                let all = place.kept.all_attached().into_iter();
                let mut found = all.filter(|one| one.notes().get(TAG).and_then(Value::as_str) == Some(tag));
                found.next().ok_or_else(|| missing(format!("tag {tag}")))
            }
            (None, None) => Err(RpcError::new(Code::InvalidArgument, "a process is named by pid or tag")),
        }
    }
}

/// One process.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Of {
    process: Selector,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Input {
    stdin: Option<String>,
    pty: Option<String>,
}

impl Input {
    fn bytes(&self) -> Result<Bytes, RpcError> {
        let text = self.stdin.as_ref().or(self.pty.as_ref()).map(String::as_str).unwrap_or_default();
        let bytes = STANDARD.decode(text);
        Ok(bytes.map_err(|_| RpcError::new(Code::InvalidArgument, "input is no base64"))?.into())
    }
}

/// Input for a process.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct SendInput {
    process: Selector,
    input: Input,
}

/// A signal for a process.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct SendSignal {
    process: Selector,
    signal: Value,
}

/// A new size of a terminal.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Update {
    process: Selector,
    pty: Option<Pty>,
}

/// A piece of a stream of input.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Piece {
    start: Option<Of>,
    data: Option<More>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct More {
    input: Input,
}

/// Starts a program and tells what it says. It goes on when its client goes away.
pub async fn start(
    State(served): State<Served>,
    Extension(place): Extension<Place>,
    headers: HeaderMap,
    Streaming(wanted): Streaming<Start>,
) -> Response {
    // From the beginning: clients count from the first event, and would give up a moment before they are told.
    let deadline = rpc::deadline(&headers);
    let begun = match wanted {
        Ok(wanted) => begin(&served, &place, &headers, wanted).await,
        Err(error) => Err(error),
    };
    match begun {
        Ok((attached, listener)) => respond(
            place,
            attached,
            listener,
            Times { deadline, ends: true, every: rpc::keepalive(&headers) },
        ),
        Err(error) => rpc::failed(error),
    }
}

async fn begin(
    served: &Served,
    place: &Place,
    headers: &HeaderMap,
    wanted: Start,
) -> Result<(Arc<Attached>, Listener), RpcError> {
    let user = User::of_call(headers)?;
    let home = absolute(place, Some(user), "");
    let cwd = match wanted.process.cwd.as_deref().filter(|cwd| !cwd.is_empty()) {
        Some(cwd) => directory(place, absolute(place, Some(user), cwd)).await?,
        None => place.kept.sandbox().workspace().to_owned(),
    };
    let mut env = BTreeMap::from([
        ("HOME".to_owned(), home),
        ("USER".to_owned(), user.name().to_owned()),
        ("LOGNAME".to_owned(), user.name().to_owned()),
    ]);
    env.extend(place.room.env.clone());
    env.extend(wanted.process.envs.clone());
    let argv = std::iter::once(wanted.process.cmd.clone()).chain(wanted.process.args.clone());
    let request = ProcessRequest {
        program: Program::Argv(argv.collect()),
        cwd: Some(cwd),
        env,
        stdin: wanted.pty.is_none() && wanted.stdin.unwrap_or(true),
        tty: wanted.pty.as_ref().map(Pty::size),
        policy: None,
    };
    let notes = json!({"config": wanted.process, TAG: wanted.tag, "terminal": wanted.pty.is_some()});
    let attaching = Attaching { request, notes };
    let attached = served.desk.attach(&place.room.visitor, &place.kept, attaching).await;
    attached.map_err(|error| not_begun(error, &wanted.process.cmd))
}

async fn directory(place: &Place, cwd: String) -> Result<String, RpcError> {
    match place.kept.sandbox().files().resolve(&cwd).await {
        Ok(entry) if entry.kind == EntryKind::Directory => Ok(cwd),
        _ => Err(RpcError::new(Code::InvalidArgument, format!("cwd '{cwd}' does not exist"))),
    }
}

fn not_begun(error: DeskError, program: &str) -> RpcError {
    let code = match &error {
        DeskError::Interpreter(Error::Denied { .. }) => Code::PermissionDenied,
        DeskError::Interpreter(Error::Program { .. } | Error::Request { .. }) => Code::InvalidArgument,
        DeskError::Interpreter(Error::SandboxLost { .. }) => Code::Unavailable,
        DeskError::Busy { .. } | DeskError::CpuUsedUp { .. } | DeskError::TooFast { .. } => {
            Code::ResourceExhausted
        }
        _ => Code::Internal,
    };
    RpcError::new(code, format!("error starting process '{program}': cannot {error}"))
}

/// Attaches to a process that runs, or ended a moment ago.
pub async fn connect(
    Extension(place): Extension<Place>,
    headers: HeaderMap,
    Streaming(of): Streaming<Of>,
) -> Response {
    match of.and_then(|of| of.process.find(&place)) {
        Ok(attached) => {
            let listener = attached.listen();
            let times =
                Times { deadline: rpc::deadline(&headers), ends: false, every: rpc::keepalive(&headers) };
            respond(place, attached, listener, times)
        }
        Err(error) => rpc::failed(error),
    }
}

/// When a stream of a process ends at the latest, whether the process ends with it, and how often it says something.
struct Times {
    deadline: Option<Instant>,
    ends: bool,
    every: Duration,
}

fn respond(place: Place, attached: Arc<Attached>, listener: Listener, times: Times) -> Response {
    let (answer, response) = rpc::stream();
    tokio::spawn(async move {
        let (deadline, ends) = (times.deadline, times.ends);
        tell(place, &attached, listener, times, answer).await;
        // A client that is gone has still said how long the process may live.
        if let Some(deadline) = deadline.filter(|_| ends) {
            tokio::select! {
                () = attached.ended() => {}
                () = sleep_until(deadline) => drop(attached.control().signal(SIGKILL)),
            }
        }
    });
    response
}

async fn tell(place: Place, attached: &Attached, mut listener: Listener, times: Times, answer: rpc::Answer) {
    let over = async move {
        match times.deadline {
            Some(deadline) => sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    };
    let mut over = std::pin::pin!(over);
    let mut message = json!({"event": {"start": {"pid": attached.pid()}}});
    loop {
        if answer.say(&message).await.is_err() {
            return;
        }
        message = tokio::select! {
            said = listener.next() => match said {
                Some(Said::Output { stream, bytes }) => output(attached, stream, &bytes),
                Some(Said::Ended(ProcessEnd::Lost(_))) | None => {
                    return answer.break_off(place.break_off()).await;
                }
                Some(Said::Ended(end)) => {
                    let _ = answer.say(&json!({"event": {"end": told(&end)}})).await;
                    return answer.end(None).await;
                }
            },
            // Told before the process is killed: its end would look like a failure of its own.
            () = &mut over => {
                let error = RpcError::new(Code::DeadlineExceeded, "the time of this call is over");
                return answer.end(Some(error)).await;
            }
            () = place.kept.paused() => return answer.break_off(place.break_off()).await,
            () = answer.away() => return,
            () = sleep(times.every) => json!({"event": {"keepalive": {}}}),
        };
    }
}

fn output(attached: &Attached, stream: Stream, bytes: &Bytes) -> Value {
    let terminal = attached.notes()["terminal"] == json!(true);
    let field = match stream {
        _ if terminal => "pty",
        Stream::Stdout => "stdout",
        Stream::Stderr => "stderr",
    };
    json!({"event": {"data": {field: STANDARD.encode(bytes)}}})
}

fn told(end: &ProcessEnd) -> Value {
    let (exit_code, exited, status) = match end {
        ProcessEnd::Exited(Exit::Code(code)) => (*code, true, format!("exit status {code}")),
        ProcessEnd::Exited(Exit::Signal(signal)) => (-1, false, format!("signal: {}", name(*signal))),
        ProcessEnd::OutOfMemory => {
            (-1, false, "signal: killed (the sandbox used more memory than it may)".to_owned())
        }
        ProcessEnd::TooManyProcesses => {
            (-1, false, "signal: killed (the sandbox had too many processes)".to_owned())
        }
        ProcessEnd::Lost(why) => (-1, false, why.clone()),
    };
    let mut told = json!({"exitCode": exit_code, "exited": exited, "status": status});
    if exit_code != 0 {
        told["error"] = json!(status);
    }
    told
}

/// A signal as Go names it.
fn name(signal: i32) -> String {
    match signal {
        1 => "hangup".to_owned(),
        2 => "interrupt".to_owned(),
        3 => "quit".to_owned(),
        6 => "aborted".to_owned(),
        SIGKILL => "killed".to_owned(),
        11 => "segmentation fault".to_owned(),
        13 => "broken pipe".to_owned(),
        SIGTERM => "terminated".to_owned(),
        other => format!("signal {other}"),
    }
}

/// Processes that run.
pub async fn list(Extension(place): Extension<Place>, Unary(_): Unary<Value>) -> Json<Value> {
    let running = place.kept.all_attached().into_iter().filter(|attached| !attached.has_ended());
    let processes: Vec<Value> = running
        .map(|attached| {
            let mut told = json!({"config": attached.notes()["config"], "pid": attached.pid()});
            if attached.notes()[TAG].is_string() {
                told[TAG] = attached.notes()[TAG].clone();
            }
            told
        })
        .collect();
    Json(json!({"processes": processes}))
}

fn unsent(error: &Error) -> RpcError {
    RpcError::new(Code::Internal, format!("error writing to stdin: cannot {error}"))
}

/// Writes to standard input or to the terminal.
pub async fn send_input(
    Extension(place): Extension<Place>,
    Unary(sent): Unary<SendInput>,
) -> Result<Json<Value>, RpcError> {
    let attached = sent.process.find(&place)?;
    attached.control().write(sent.input.bytes()?).await.map_err(|error| unsent(&error))?;
    Ok(Json(json!({})))
}

/// The same, piece by piece.
pub async fn stream_input(Extension(place): Extension<Place>, body: Body) -> Response {
    match pour(&place, body).await {
        Ok(()) => rpc::single(&json!({})),
        Err(error) => rpc::failed(error),
    }
}

async fn pour(place: &Place, body: Body) -> Result<(), RpcError> {
    let mut messages = Messages::of(body);
    let mut attached: Option<Arc<Attached>> = None;
    while let Some(piece) = messages.next::<Piece>().await? {
        if let Some(start) = piece.start {
            attached = Some(start.process.find(place)?);
        }
        if let Some(data) = piece.data {
            let first = || RpcError::new(Code::InvalidArgument, "the first message names the process");
            let attached = attached.as_ref().ok_or_else(first)?;
            attached.control().write(data.input.bytes()?).await.map_err(|error| unsent(&error))?;
        }
    }
    Ok(())
}

/// Ends standard input.
pub async fn close_stdin(
    Extension(place): Extension<Place>,
    Unary(of): Unary<Of>,
) -> Result<Json<Value>, RpcError> {
    let attached = of.process.find(&place)?;
    if attached.notes()["terminal"] == json!(true) {
        return Err(RpcError::new(Code::Unknown, "cannot close the input of a terminal: send it Ctrl-D"));
    }
    attached.control().close_stdin().await;
    Ok(Json(json!({})))
}

/// Sends a signal. What kills has killed before this answers.
pub async fn send_signal(
    Extension(place): Extension<Place>,
    Unary(sent): Unary<SendSignal>,
) -> Result<Json<Value>, RpcError> {
    let attached = sent.process.find(&place)?;
    let signal = match &sent.signal {
        Value::String(name) if name == "SIGNAL_SIGKILL" => SIGKILL,
        Value::String(name) if name == "SIGNAL_SIGTERM" => SIGTERM,
        Value::Number(number) if [Some(9), Some(15)].contains(&number.as_i64()) => {
            number.as_i64().unwrap_or(9) as i32
        }
        other => return Err(RpcError::new(Code::Unimplemented, format!("invalid signal: {other}"))),
    };
    if attached.has_ended() {
        return Err(RpcError::new(Code::NotFound, format!("process with pid {} not found", attached.pid())));
    }
    let sent = attached.control().signal(signal);
    sent.map_err(|error| RpcError::new(Code::Internal, format!("cannot {error}")))?;
    if signal == SIGKILL {
        let _ = timeout(REAPED, attached.ended()).await;
    }
    Ok(Json(json!({})))
}

/// Sizes a terminal anew.
pub async fn update(
    Extension(place): Extension<Place>,
    Unary(update): Unary<Update>,
) -> Result<Response, RpcError> {
    let attached = update.process.find(&place)?;
    if let Some(pty) = update.pty {
        if attached.notes()["terminal"] != json!(true) {
            return Err(RpcError::new(Code::Internal, "tty not assigned to process"));
        }
        attached.control().resize(pty.size());
    }
    Ok(Json(json!({})).into_response())
}
