//! A server that runs on this data folder already: `run` lets it run code, which then starts from a warm pool.
//!
//! Whatever it cannot do exactly as this command would, this command does alone; also where there is no server, where it
//! is another version, and where it has no time.

use super::failure::{Done, Failure};
use super::pick;
use super::signals::{Came, Signals};
use super::view::View;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use interpreter::SandboxRequest;
use protocol::{Event, Language, Outcome};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use tokio::net::UnixStream;

/// The socket, in the data folder.
pub const SOCKET: &str = "server.sock";
/// How long a server may take to say what it is.
const ANSWER_TIME: Duration = Duration::from_secs(5);
/// Longest line of an event, in bytes.
const LINE_BYTES_MAX: usize = 256 << 20;

/// One run for the server.
#[derive(Debug)]
pub struct Order<'a> {
    /// The code.
    pub code: &'a str,
    /// Its language.
    pub language: Language,
    /// The sandbox; its template is the one to run alone with.
    pub sandbox: &'a SandboxRequest,
    /// The level or strength that is required, by its name.
    pub require: Option<&'a str>,
    /// Whether a person chose the template.
    pub chosen: bool,
    /// The policy's name.
    pub policy: &'a str,
}

/// A connection to a server that is like this program.
pub struct Running {
    sender: SendRequest<Full<Bytes>>,
    template: String,
}

/// Code that the server runs.
pub struct RunThere {
    id: String,
    body: Incoming,
    buffer: Vec<u8>,
    path: std::path::PathBuf,
}

impl Running {
    /// Finds the server of this data folder. Nothing is said where there is none.
    pub async fn find(data_dir: &Path) -> Option<Running> {
        let path = data_dir.join(SOCKET);
        let asked = async {
            let mut sender = connect(&path).await?;
            let response = sender.send_request(request(Method::GET, "/readyz", &Value::Null)).await.ok()?;
            let ready: Value = serde_json::from_slice(&response.collect().await.ok()?.to_bytes()).ok()?;
            let like_us = ready["status"] == "ready" && ready["version"] == env!("CARGO_PKG_VERSION");
            let template = ready["template"].as_str().filter(|_| like_us)?.to_owned();
            Some(Running { sender, template })
        };
        tokio::time::timeout(ANSWER_TIME, asked).await.ok().flatten()
    }

    /// Begins a run; `None` where the server does not begin it, for whatever reason.
    pub async fn begin(mut self, order: &Order<'_>, data_dir: &Path) -> Option<RunThere> {
        let SandboxRequest { template, limits, env, backend, .. } = order.sandbox;
        // What is warm has all that a smaller template has.
        let covered =
            !order.chosen && template.as_deref().is_some_and(|wanted| pick::covers(&self.template, wanted));
        let body = json!({
            "code": order.code, "language": order.language, "policy": order.policy,
            "template": template.as_ref().filter(|_| !covered),
            "limits": (*limits != protocol::Limits::default()).then_some(limits),
            "env": env, "backend": backend,
            "require": order.require,
        });
        // The connection has to notice that the answer before has ended.
        self.sender.ready().await.ok()?;
        let response = self.sender.send_request(request(Method::POST, "/v1/executions", &body)).await.ok()?;
        if response.status() != StatusCode::OK {
            return None;
        }
        let id = execution(&response)?;
        Some(RunThere { id, body: response.into_body(), buffer: Vec::new(), path: data_dir.join(SOCKET) })
    }
}

impl RunThere {
    /// Shows it to its end. The first Ctrl-C interrupts it; what comes after that ends everything.
    pub async fn follow(mut self, view: &mut View, signals: &mut Signals) -> Done<Outcome> {
        loop {
            let event = tokio::select! {
                event = self.next() => event,
                came = signals.next() => match came {
                    Came::Interrupt => {
                        let (path, id) = (self.path.clone(), self.id.clone());
                        tokio::spawn(async move { interrupt(&path, &id).await });
                        continue;
                    }
                    // The connection ends with us, and the server interrupts what nobody waits for.
                    Came::End(number) => return Err(Failure::signal(number)),
                },
            };
            let event = event.ok_or_else(|| {
                Failure::ours("server_lost", "learn how the execution ended: the server is gone")
                    .hint("`belljar run --alone` needs no server")
            })?;
            if let Some(outcome) = view.event(event, None).await? {
                return Ok(outcome);
            }
        }
    }

    /// The next event. Cancel safe.
    async fn next(&mut self) -> Option<Event> {
        let mut looked = 0;
        loop {
            while let Some(end) = self.buffer[looked..].iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..looked + end + 1).collect();
                looked = 0;
                if let Some(json) = line.strip_prefix(b"data: ") {
                    return serde_json::from_slice(json).ok();
                }
            }
            looked = self.buffer.len();
            if looked > LINE_BYTES_MAX {
                return None;
            }
            let frame = self.body.frame().await?.ok()?;
            self.buffer.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
        }
    }
}

async fn connect(path: &Path) -> Option<SendRequest<Full<Bytes>>> {
    let stream = UnixStream::connect(path).await.ok()?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(connection);
    Some(sender)
}

fn request(method: Method, path: &str, body: &Value) -> Request<Full<Bytes>> {
    let text = if body.is_null() { String::new() } else { body.to_string() };
    let mut request = Request::new(Full::new(Bytes::from(text)));
    *request.method_mut() = method;
    // Only paths of ours, which are sound.
    *request.uri_mut() = path.parse().unwrap_or_default();
    let fields = [
        (header::HOST, "localhost"),
        (header::ACCEPT, "text/event-stream"),
        (header::CONTENT_TYPE, "application/json"),
    ];
    for (name, value) in fields {
        request.headers_mut().insert(name, header::HeaderValue::from_static(value));
    }
    request
}

fn execution(response: &Response<Incoming>) -> Option<String> {
    let id = response.headers().get("x-execution-id")?.to_str().ok()?;
    protocol::ExecutionId::try_from(id.to_owned()).ok().map(String::from)
}

async fn interrupt(path: &Path, id: &str) {
    if let Some(mut sender) = connect(path).await {
        let _ =
            sender.send_request(request(Method::DELETE, &format!("/v1/executions/{id}"), &Value::Null)).await;
    }
}
