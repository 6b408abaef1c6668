//! What Responses and Chat Completions have in common: the script's steps, errors, and how a stream is sent. What is in
//! it is in `responses` and `chat`.

use super::server::{Answer, Piece, Received};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

/// One step of a script.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Step {
    /// How many requests it is for; see [`super::Script`].
    pub times: u32,
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    /// The `error` of an error response.
    pub error: Option<Value>,
    /// The body of an error response where it is no JSON of OpenAI's.
    pub body: Option<String>,
    /// Responses: the items.
    pub output: Vec<Value>,
    /// Responses: `completed`, `incomplete`, `failed`.
    pub ended: String,
    /// Responses: `incomplete_details.reason`.
    pub reason: Option<String>,
    /// Responses: the error of a response that failed.
    pub failure: Value,
    /// Responses: an item that begins and is never done.
    pub truncated: Option<usize>,
    /// Chat: the message.
    pub message: Value,
    /// Chat: why it ended.
    pub finish_reason: Value,
    pub usage: Value,
    /// The events of the stream, instead of those of the reply.
    pub events: Option<Vec<Value>>,
    /// Chat: `[DONE]` ends the stream.
    pub done: bool,
    /// Events after which the connection is cut.
    pub cut_after: Option<usize>,
    /// Events after which the stream ends in order.
    pub stop_after: Option<usize>,
    /// Milliseconds before every event.
    pub pause_ms: u64,
    /// Bytes are sent three by three.
    pub torn: bool,
}

impl Default for Step {
    fn default() -> Step {
        Step {
            times: 1,
            status: 200,
            headers: BTreeMap::new(),
            error: None,
            body: None,
            output: Vec::new(),
            ended: "completed".into(),
            reason: None,
            failure: Value::Null,
            truncated: None,
            message: json!({}),
            finish_reason: "stop".into(),
            usage: Value::Null,
            events: None,
            done: true,
            cut_after: None,
            stop_after: None,
            pause_ms: 0,
            torn: false,
        }
    }
}

/// Why a request is refused: status, code, message.
pub type Wrong = (u16, &'static str, String);

pub fn invalid<T>(code: &'static str, message: impl Into<String>) -> Result<T, Wrong> {
    Err((400, code, message.into()))
}

/// A shape: what is checked, and how a reply looks.
pub struct Shape {
    pub check: fn(&Received) -> Result<(), Wrong>,
    pub whole: fn(&Received, &Step) -> Value,
    pub events: fn(&Received, &Step) -> Vec<Value>,
    /// Events have names.
    pub named: bool,
}

/// Answers a request with a step: with an error where the service would.
pub fn answer(shape: &Shape, received: &Received, step: &Value) -> Answer {
    let step: Step = serde_json::from_value(step.clone()).unwrap();
    let checked = keyed(received).and_then(|()| (shape.check)(received));
    let mut answer = match checked {
        Err((status, code, message)) => Answer::json(status, &complaint(code, &message)),
        Ok(()) if step.status != 200 => refuse(&step),
        Ok(()) if received.body["stream"] == true => Answer::events(stream(shape, received, &step)),
        Ok(()) => Answer::json(200, &(shape.whole)(received, &step)),
    };
    answer.headers.extend(step.headers);
    answer.headers.push(("x-request-id".into(), "req_mock".into()));
    answer
}

fn refuse(step: &Step) -> Answer {
    match &step.body {
        Some(body) => {
            let kind = if body.starts_with('<') { "text/html" } else { "text/plain" };
            let headers = vec![("content-type".into(), kind.into())];
            Answer { status: step.status, headers, body: vec![Piece::Bytes(body.clone().into_bytes())] }
        }
        None => Answer::json(step.status, &json!({ "error": step.error })),
    }
}

fn complaint(code: &str, message: &str) -> Value {
    json!({ "error": { "message": message, "type": "invalid_request_error", "param": null, "code": code } })
}

/// A server under `/open` asks for no key.
fn keyed(received: &Received) -> Result<(), Wrong> {
    let bearer = received.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    let open = received.path.starts_with("/open/");
    match bearer {
        None if !open => Err((401, "invalid_api_key", "You didn't provide an API key.".into())),
        Some("wrong-key-of-a-test") => {
            Err((401, "invalid_api_key", "Incorrect API key provided: wrong-key-of-a-test.".into()))
        }
        _ if received.method != "POST" || received.header("content-type") != Some("application/json") => {
            invalid("invalid_json", "We could not parse the JSON body of your request.")
        }
        _ => Ok(()),
    }
}

/// Checks that a body has a model and no field that is not known.
pub fn fields(body: &Value, known: &[&str]) -> Result<(), Wrong> {
    let Some(fields) = body.as_object() else { return invalid("invalid_json", "the body is no object") };
    if let Some(field) = fields.keys().find(|field| !known.contains(&field.as_str())) {
        return invalid("unknown_parameter", format!("Unknown parameter: '{field}'."));
    }
    match body["model"].as_str() {
        Some(_) => Ok(()),
        None => invalid("missing_required_parameter", "you must provide a model parameter"),
    }
}

/// Checks a function's name and schema.
pub fn function(function: &Value) -> Result<(), Wrong> {
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || "_-".contains(letter);
    let named = function["name"].as_str().is_some_and(|name| !name.is_empty() && name.chars().all(is_word));
    match named && function["parameters"]["type"] == "object" {
        true => Ok(()),
        false => invalid("invalid_function_parameters", format!("Invalid schema for function: {function}")),
    }
}

/// Checks the address of a picture.
pub fn picture(url: &Value) -> Result<(), Wrong> {
    match url.as_str().is_some_and(|url| url.starts_with("data:image/") && url.contains(";base64,")) {
        true => Ok(()),
        false => invalid("invalid_image_url", format!("{url} is not a valid URL")),
    }
}

/// A text as a stream brings it.
pub fn pieces(text: &str) -> Vec<String> {
    text.chars().collect::<Vec<_>>().chunks(7).map(|piece| piece.iter().collect()).collect()
}

fn stream(shape: &Shape, received: &Received, step: &Step) -> Vec<Piece> {
    let mut events = step.events.clone().unwrap_or_else(|| (shape.events)(received, step));
    events.truncate(step.stop_after.or(step.cut_after).unwrap_or(usize::MAX));
    let mut written: Vec<Vec<u8>> = events
        .iter()
        .map(|event| {
            let name = event["type"].as_str().filter(|_| shape.named);
            let name = name.map(|name| format!("event: {name}\n")).unwrap_or_default();
            format!("{name}data: {event}\n\n").into_bytes()
        })
        .collect();
    let whole = step.stop_after.is_none() && step.cut_after.is_none();
    if !shape.named && step.done && whole {
        written.push(b"data: [DONE]\n\n".to_vec());
    }
    let mut body = Vec::new();
    for bytes in written {
        if step.pause_ms > 0 {
            body.push(Piece::Wait(Duration::from_millis(step.pause_ms)));
        }
        let size = if step.torn { 3 } else { bytes.len() };
        body.extend(bytes.chunks(size).map(|bytes| Piece::Bytes(bytes.to_vec())));
    }
    body.extend(step.cut_after.map(|_| Piece::Cut));
    body
}
