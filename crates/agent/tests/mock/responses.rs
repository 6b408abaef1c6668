//! OpenAI's Responses: replies as streams or whole, and the checks that the real service makes of requests.

use super::{
    openai::{self, Shape, Step, Wrong, invalid, pieces},
    server::{Answer, Received},
};
use serde_json::{Value, json};

/// Answers a request with a step.
pub fn answer(received: &Received, step: &Value) -> Answer {
    openai::answer(&Shape { check, whole, events, named: true }, received, step)
}

fn response(received: &Received, step: &Step, status: &str) -> Value {
    let over = status != "in_progress";
    let usage = json!({
        "input_tokens": 20, "input_tokens_details": { "cached_tokens": 0, "cache_write_tokens": 0 },
        "output_tokens": 5, "output_tokens_details": { "reasoning_tokens": 0 }, "total_tokens": 25,
    });
    let usage = if step.usage.is_null() { usage } else { step.usage.clone() };
    let whole = step.output.iter().enumerate().filter(|(place, _)| step.truncated != Some(*place));
    json!({
        "id": "resp_mock", "object": "response", "created_at": 1790000000, "status": status,
        "error": if over { step.failure.clone() } else { Value::Null },
        "incomplete_details": step.reason.as_ref().filter(|_| over).map(|reason| json!({ "reason": reason })),
        "instructions": received.body["instructions"], "model": received.body["model"],
        "output": if over { whole.map(|(_, item)| item.clone()).collect() } else { Vec::new() },
        "parallel_tool_calls": true, "tool_choice": "auto", "tools": [], "temperature": null, "top_p": null,
        "metadata": {}, "usage": if over { usage } else { Value::Null },
    })
}

fn whole(received: &Received, step: &Step) -> Value {
    response(received, step, &step.ended)
}

fn events(received: &Received, step: &Step) -> Vec<Value> {
    let mut events = vec![
        json!({ "type": "response.created", "response": response(received, step, "in_progress") }),
        json!({ "type": "response.in_progress", "response": response(received, step, "in_progress") }),
    ];
    for (place, item) in step.output.iter().enumerate() {
        let mut of_item = apart(item);
        if step.truncated == Some(place) {
            of_item.truncate(of_item.len() - 2);
        }
        for event in &mut of_item {
            event["output_index"] = place.into();
            event["item_id"] = item["id"].clone();
        }
        events.extend(of_item);
    }
    let end = format!("response.{}", step.ended);
    events.push(json!({ "type": end, "response": response(received, step, &step.ended) }));
    for (number, event) in events.iter_mut().enumerate() {
        event["sequence_number"] = number.into();
    }
    events
}

/// An item as a stream brings it.
fn apart(item: &Value) -> Vec<Value> {
    let mut begun = item.clone();
    if begun.get("status").is_some() {
        begun["status"] = "in_progress".into();
    }
    let mut events = Vec::new();
    match item["type"].as_str().unwrap() {
        "message" => {
            begun["content"] = json!([]);
            for (index, part) in item["content"].as_array().unwrap().iter().enumerate() {
                events.extend(part_apart(index, part));
            }
        }
        "function_call" => {
            begun["arguments"] = "".into();
            let arguments = item["arguments"].as_str().unwrap();
            let delta = |text| json!({ "type": "response.function_call_arguments.delta", "delta": text });
            events.extend(pieces(arguments).into_iter().map(delta));
            events.push(json!({ "type": "response.function_call_arguments.done", "arguments": arguments }));
        }
        "reasoning" => {
            // What the service says of it: not to be trusted before it is done.
            begun["encrypted_content"] = "begun".into();
            let text = item["summary"][0]["text"].as_str().unwrap_or_default();
            let delta = |text| json!({ "type": "response.reasoning_summary_text.delta", "summary_index": 0, "delta": text });
            events.extend(pieces(text).into_iter().map(delta));
        }
        _ => {}
    }
    events.insert(0, json!({ "type": "response.output_item.added", "item": begun }));
    events.push(json!({ "type": "response.output_item.done", "item": item }));
    events
}

fn part_apart(index: usize, part: &Value) -> Vec<Value> {
    let refused = part["type"] == "refusal";
    let (kind, field) = if refused { ("refusal", "refusal") } else { ("output_text", "text") };
    let text = part[field].as_str().unwrap();
    let mut empty = part.clone();
    empty[field] = "".into();
    let mut events =
        vec![json!({ "type": "response.content_part.added", "content_index": index, "part": empty })];
    let delta = |text| json!({ "type": format!("response.{kind}.delta"), "content_index": index, "delta": text, "logprobs": [] });
    events.extend(pieces(text).into_iter().map(delta));
    let mut done = json!({ "type": format!("response.{kind}.done"), "content_index": index, "logprobs": [] });
    done[field] = text.into();
    events.push(done);
    events.push(json!({ "type": "response.content_part.done", "content_index": index, "part": part }));
    events
}

const FIELDS: [&str; 16] = [
    "background",
    "include",
    "input",
    "instructions",
    "max_output_tokens",
    "metadata",
    "model",
    "parallel_tool_calls",
    "prompt_cache_key",
    "reasoning",
    "service_tier",
    "store",
    "stream",
    "text",
    "tool_choice",
    "tools",
];

fn check(received: &Received) -> Result<(), Wrong> {
    let body = &received.body;
    openai::fields(body, &FIELDS)?;
    for tool in body["tools"].as_array().into_iter().flatten() {
        openai::function(tool)?;
        if tool["type"] != "function" || !tool["strict"].is_boolean() {
            return invalid("invalid_type", format!("{tool} is no function with 'strict'"));
        }
    }
    if body["max_output_tokens"].as_u64().is_some_and(|tokens| tokens < 16) {
        return invalid("integer_below_min_value", "Invalid 'max_output_tokens': expected a value >= 16");
    }
    if body["input"].is_string() {
        return Ok(());
    }
    let Some(input) = body["input"].as_array().filter(|input| !input.is_empty()) else {
        return invalid("missing_required_parameter", "Missing required parameter: 'input'.");
    };
    for (place, item) in input.iter().enumerate() {
        self::item(item, input.get(place + 1), body["store"] == false)?;
    }
    answered(input)
}

fn item(item: &Value, next: Option<&Value>, stateless: bool) -> Result<(), Wrong> {
    let has = |fields: &[&str]| fields.iter().all(|field| item[*field].is_string());
    let wrong = || invalid("invalid_value", format!("Invalid item in 'input': {item}"));
    match (item["type"].as_str(), item["role"].as_str()) {
        (Some("message"), Some("assistant")) => {
            let parts = item["content"].as_array().cloned().unwrap_or_default();
            let known = |part: &Value| part["text"].is_string() || part["refusal"].is_string();
            if has(&["id"]) && parts.iter().all(known) { Ok(()) } else { wrong() }
        }
        (None | Some("message"), Some("user" | "system" | "developer")) => content(&item["content"]),
        (Some("function_call"), _) if has(&["call_id", "name", "arguments"]) => Ok(()),
        (Some("function_call_output"), _) if has(&["call_id"]) => content(&item["output"]),
        (Some("reasoning"), _) if stateless && !has(&["id", "encrypted_content"]) => {
            invalid("item_not_found", "Items are not persisted when `store` is set to false.")
        }
        (Some("reasoning"), _) if next.is_none_or(|next| next["role"] == "user") => invalid(
            "invalid_value",
            "Item of type 'reasoning' was provided without its required following item.",
        ),
        (Some("reasoning"), _) if item["summary"].is_array() => Ok(()),
        // A type that clients do not know, but must hand back as it was.
        (Some("program"), _) if has(&["id", "fingerprint"]) => Ok(()),
        _ => wrong(),
    }
}

fn content(content: &Value) -> Result<(), Wrong> {
    if content.is_string() {
        return Ok(());
    }
    let Some(parts) = content.as_array().filter(|parts| !parts.is_empty()) else {
        return invalid("invalid_type", format!("{content} is no content"));
    };
    for part in parts {
        match part["type"].as_str() {
            Some("input_text") if part["text"].is_string() => {}
            Some("input_image") => openai::picture(&part["image_url"])?,
            _ => return invalid("invalid_value", format!("Invalid value: {part}")),
        }
    }
    Ok(())
}

/// Every call has one output behind it, every output a call before it.
fn answered(input: &[Value]) -> Result<(), Wrong> {
    let mut open: Vec<&Value> = Vec::new();
    for item in input {
        let id = &item["call_id"];
        if item["type"] == "function_call" {
            open.push(id);
        } else if item["type"] == "function_call_output" {
            let Some(at) = open.iter().position(|known| *known == id) else {
                return invalid(
                    "invalid_value",
                    format!("No tool call found for function call output with call_id {id}."),
                );
            };
            open.remove(at);
        }
    }
    match open.first() {
        Some(id) => invalid("invalid_value", format!("No tool output found for function call {id}.")),
        None => Ok(()),
    }
}
