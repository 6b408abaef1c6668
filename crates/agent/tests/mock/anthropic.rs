//! Anthropic's Messages, as of version 2026-10-21: replies as streams or whole, errors, and the checks that the real
//! service makes of requests. Stricter than it in one thing: roles must alternate, since ours do.

use super::server::{Answer, Piece, Received};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

/// One step of a script.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Step {
    /// How many requests it is for; see [`super::Script`].
    times: u32,
    status: u16,
    headers: BTreeMap<String, String>,
    /// The blocks of the reply.
    content: Vec<Value>,
    stop_reason: String,
    stop_details: Value,
    /// At the beginning, and at the end (cumulative).
    usage: [Value; 2],
    /// The events of the stream, instead of those of `content`.
    events: Option<Vec<Value>>,
    /// The body of an error response; with status 200, an event in the middle of the stream.
    error: Option<Value>,
    /// A block (by its index) whose stop never comes, nor the last of its deltas.
    truncated: Option<usize>,
    /// Events after which the connection is cut.
    cut_after: Option<usize>,
    /// Events after which the stream ends in order, or the error comes.
    stop_after: Option<usize>,
    /// Milliseconds before every event.
    pause_ms: u64,
    /// A ping before every event.
    pings: bool,
    /// Bytes are sent three by three.
    torn: bool,
}

impl Default for Step {
    fn default() -> Step {
        Step {
            times: 1,
            status: 200,
            headers: BTreeMap::new(),
            content: Vec::new(),
            stop_reason: "end_turn".into(),
            stop_details: Value::Null,
            usage: [json!({ "input_tokens": 10, "output_tokens": 1 }), json!({ "output_tokens": 5 })],
            events: None,
            error: None,
            truncated: None,
            cut_after: None,
            stop_after: None,
            pause_ms: 0,
            pings: false,
            torn: false,
        }
    }
}

/// Answers a request with a step: with an error where the service would.
pub fn answer(received: &Received, step: &Value) -> Answer {
    let mut answer = match check(received) {
        Ok(()) => respond(received, &serde_json::from_value(step.clone()).unwrap()),
        Err((status, kind, message)) => {
            Answer::json(status, &error(&json!({ "type": kind, "message": message })))
        }
    };
    answer.headers.push(("request-id".into(), "req_011mock".into()));
    answer
}

fn respond(received: &Received, step: &Step) -> Answer {
    let mut answer = match &step.error {
        Some(body) if step.status != 200 => Answer::json(step.status, &error(body)),
        _ if received.body["stream"] == true => Answer::events(stream(received, step)),
        _ => Answer::json(step.status, &whole(received, step)),
    };
    answer.headers.extend(step.headers.clone());
    answer
}

fn error(error: &Value) -> Value {
    json!({ "type": "error", "error": error, "request_id": "req_011mock" })
}

fn message(received: &Received, usage: &Value) -> Value {
    json!({
        "id": "msg_01mock", "type": "message", "role": "assistant", "model": received.body["model"], "content": [],
        "stop_reason": null, "stop_sequence": null, "stop_details": null, "usage": usage,
    })
}

fn whole(received: &Received, step: &Step) -> Value {
    let mut usage = step.usage[0].clone();
    usage.as_object_mut().unwrap().extend(step.usage[1].as_object().unwrap().clone());
    let mut message = message(received, &usage);
    message["content"] = step.content.clone().into();
    message["stop_reason"] = step.stop_reason.clone().into();
    message["stop_details"] = step.stop_details.clone();
    message
}

fn stream(received: &Received, step: &Step) -> Vec<Piece> {
    let mut events = step.events.clone().unwrap_or_else(|| events(received, step));
    events.truncate(step.stop_after.or(step.cut_after).unwrap_or(usize::MAX));
    events.extend(step.error.as_ref().map(error));
    let mut pieces = Vec::new();
    for event in events {
        if step.pings {
            pieces.push(Piece::Bytes(written(&json!({ "type": "ping" }))));
        }
        if step.pause_ms > 0 {
            pieces.push(Piece::Wait(Duration::from_millis(step.pause_ms)));
        }
        let bytes = written(&event);
        let size = if step.torn { 3 } else { bytes.len() };
        pieces.extend(bytes.chunks(size).map(|bytes| Piece::Bytes(bytes.to_vec())));
    }
    pieces.extend(step.cut_after.map(|_| Piece::Cut));
    pieces
}

fn written(event: &Value) -> Vec<u8> {
    format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap()).into_bytes()
}

fn events(received: &Received, step: &Step) -> Vec<Value> {
    let mut events = vec![json!({ "type": "message_start", "message": message(received, &step.usage[0]) })];
    for (index, block) in step.content.iter().enumerate() {
        let (start, deltas) = apart(block);
        let kept = deltas.len() - usize::from(step.truncated == Some(index)).min(deltas.len());
        events.push(json!({ "type": "content_block_start", "index": index, "content_block": start }));
        let delta = |delta: Value| json!({ "type": "content_block_delta", "index": index, "delta": delta });
        events.extend(deltas.into_iter().take(kept).map(delta));
        if step.truncated != Some(index) {
            events.push(json!({ "type": "content_block_stop", "index": index }));
        }
    }
    let delta =
        json!({ "stop_reason": step.stop_reason, "stop_sequence": null, "stop_details": step.stop_details });
    events.push(json!({ "type": "message_delta", "delta": delta, "usage": step.usage[1] }));
    events.push(json!({ "type": "message_stop" }));
    events
}

/// A block as a stream brings it: how it starts, and its deltas. Blocks of other types come whole.
fn apart(block: &Value) -> (Value, Vec<Value>) {
    let mut start = block.clone();
    let text = |field: &str| block[field].as_str().unwrap_or_default().to_owned();
    let pieces = |text: String| -> Vec<String> {
        text.chars().collect::<Vec<_>>().chunks(7).map(|piece| piece.iter().collect()).collect()
    };
    let deltas: Vec<Value> = match block["type"].as_str().unwrap() {
        "text" => {
            start["text"] = "".into();
            pieces(text("text"))
                .into_iter()
                .map(|text| json!({ "type": "text_delta", "text": text }))
                .collect()
        }
        "thinking" => {
            (start["thinking"], start["signature"]) = ("".into(), "".into());
            let more = |text| json!({ "type": "thinking_delta", "thinking": text });
            let signature = json!({ "type": "signature_delta", "signature": block["signature"] });
            pieces(text("thinking")).into_iter().map(more).chain([signature]).collect()
        }
        "tool_use" | "server_tool_use" => {
            // The service may write blanks where it likes; a text stands for JSON that is none.
            let input = block["input"].as_str().map_or_else(|| block["input"].to_string(), str::to_owned);
            start["input"] = json!({});
            let more = |text| json!({ "type": "input_json_delta", "partial_json": text });
            [String::new()].into_iter().chain(pieces(input)).map(more).collect()
        }
        _ => Vec::new(),
    };
    (start, deltas)
}

type Wrong = (u16, &'static str, String);

fn invalid<T>(message: impl Into<String>) -> Result<T, Wrong> {
    Err((400, "invalid_request_error", message.into()))
}

const FIELDS: [&str; 17] = [
    "cache_control",
    "container",
    "diagnostics",
    "inference_geo",
    "max_tokens",
    "messages",
    "metadata",
    "model",
    "output_config",
    "service_tier",
    "speed",
    "stop_sequences",
    "stream",
    "system",
    "thinking",
    "tool_choice",
    "tools",
];

fn check(received: &Received) -> Result<(), Wrong> {
    let bearer = received.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    if bearer.or(received.header("x-api-key")).is_none_or(str::is_empty) {
        return Err((401, "authentication_error", "x-api-key header is required".into()));
    }
    match received.header("anthropic-version") {
        Some("2026-10-21" | "2023-06-01") => {}
        Some(other) => return invalid(format!("anthropic-version: \"{other}\" is not a valid version")),
        None => return invalid("anthropic-version: header is required"),
    }
    if received.method != "POST" || received.header("content-type") != Some("application/json") {
        return invalid("the body must be JSON");
    }
    let Some(body) = received.body.as_object() else { return invalid("The request body is not valid JSON") };
    if let Some(field) = body.keys().find(|field| !FIELDS.contains(&field.as_str())) {
        return invalid(format!("{field}: Extra inputs are not permitted"));
    }
    if body.get("model").is_none_or(|model| !model.is_string()) {
        return invalid("model: Field required");
    }
    if body.get("max_tokens").and_then(Value::as_u64).is_none_or(|tokens| tokens == 0) {
        return invalid("max_tokens: Field required");
    }
    if received.body.to_string().matches("\"cache_control\":{").count() > 4 {
        return invalid("A maximum of 4 blocks with cache_control may be provided.");
    }
    system(&received.body["system"])?;
    tools(&received.body)?;
    messages(&received.body["messages"])
}

fn system(system: &Value) -> Result<(), Wrong> {
    for block in system.as_array().into_iter().flatten() {
        text(block, "system")?;
    }
    Ok(())
}

fn tools(body: &Value) -> Result<(), Wrong> {
    let tools = body["tools"].as_array().cloned().unwrap_or_default();
    for tool in &tools {
        let name = tool["name"].as_str().unwrap_or_default();
        let is_word = |letter: char| letter.is_ascii_alphanumeric() || "_-".contains(letter);
        if name.is_empty() || !name.chars().all(is_word) || tool["input_schema"]["type"] != "object" {
            return invalid(format!("tools: {tool} is not a tool"));
        }
    }
    if tools.is_empty() && !body["tool_choice"].is_null() {
        return invalid("tool_choice: may only be specified while providing tools");
    }
    Ok(())
}

fn messages(messages: &Value) -> Result<(), Wrong> {
    let messages = messages.as_array().cloned().unwrap_or_default();
    if messages.is_empty() {
        return invalid("messages: at least one message is required");
    }
    let mut open: Vec<String> = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let expected = if index % 2 == 0 { "user" } else { "assistant" };
        if message["role"] != expected {
            return invalid(format!("messages.{index}: roles must alternate"));
        }
        let text = json!([{ "type": "text", "text": message["content"] }]);
        let content = if message["content"].is_string() { &text } else { &message["content"] };
        let Some(blocks) = content.as_array().filter(|blocks| !blocks.is_empty()) else {
            return invalid("messages: all messages must have non-empty content");
        };
        open = match expected {
            "user" => user(index, blocks, &open)?,
            _ => assistant(index, blocks, index + 1 == messages.len())?,
        };
    }
    Ok(())
}

/// Checks that exactly the open calls are answered, before anything else is said.
fn user(index: usize, blocks: &[Value], open: &[String]) -> Result<Vec<String>, Wrong> {
    let is_result = |block: &&Value| block["type"] == "tool_result";
    let answered: Vec<&str> =
        blocks.iter().take_while(is_result).filter_map(|block| block["tool_use_id"].as_str()).collect();
    if let Some(id) = open.iter().find(|id| !answered.contains(&id.as_str())) {
        return invalid(format!(
            "messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after: {id}"
        ));
    }
    if answered.len() != open.len() || blocks.iter().filter(is_result).count() != open.len() {
        return invalid(format!("messages.{index}: unexpected `tool_use_id` found in `tool_result` blocks"));
    }
    for block in blocks {
        match block["type"].as_str() {
            Some("tool_result") => {
                for block in block["content"].as_array().into_iter().flatten() {
                    seen(index, block)?;
                }
            }
            _ => seen(index, block)?,
        }
    }
    Ok(Vec::new())
}

/// Something to read or to look at.
fn seen(index: usize, block: &Value) -> Result<(), Wrong> {
    if block["type"] == "text" {
        return text(block, "messages");
    }
    let source = &block["source"];
    let media = ["image/png", "image/jpeg", "image/gif", "image/webp"];
    let known = source["type"] == "base64" && media.iter().any(|known| source["media_type"] == *known);
    match block["type"] == "image" && known && source["data"].as_str().is_some_and(|data| !data.is_empty()) {
        true => Ok(()),
        false => invalid(format!("messages.{index}: {block} is no content of a user")),
    }
}

fn assistant(index: usize, blocks: &[Value], last: bool) -> Result<Vec<String>, Wrong> {
    let mut open = Vec::new();
    for block in blocks {
        match block["type"].as_str() {
            Some("text") => text(block, "messages")?,
            Some("thinking") if block["signature"].as_str().is_none_or(str::is_empty) => {
                return invalid(format!("messages.{index}: Invalid `signature` in `thinking` block"));
            }
            Some("tool_use") if !block["input"].is_object() => {
                return invalid(format!(
                    "messages.{index}: tool_use.input: Input should be a valid dictionary"
                ));
            }
            Some("tool_use") => open.push(block["id"].as_str().unwrap_or_default().to_owned()),
            Some(_) => {}
            None => return invalid(format!("messages.{index}: type: Field required")),
        }
    }
    match blocks.last().and_then(|block| block["type"].as_str()) {
        Some("thinking" | "redacted_thinking") => invalid(format!(
            "messages.{index}: The final block in an assistant message cannot be `thinking`."
        )),
        Some("text" | "tool_use") if last => invalid(
            "This model does not support assistant message prefill. The conversation must end with a user message.",
        ),
        _ => Ok(open),
    }
}

fn text(block: &Value, place: &str) -> Result<(), Wrong> {
    match block["text"].as_str().map(str::trim) {
        None => invalid(format!("{place}: {block} is no text")),
        Some("") => invalid(format!("{place}: text content blocks must be non-empty")),
        Some(_) => Ok(()),
    }
}
