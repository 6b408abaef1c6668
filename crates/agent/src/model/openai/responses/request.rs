//! A conversation as the body of `POST /responses`.

use crate::model::{Conversation, Message, ModelSettings, Part, Reply, ToolResult, openai};
use serde_json::{Map, Value, json};

/// The body. Nothing is kept at the provider: every request has all items, as they came.
pub(super) fn body(model: &str, conversation: &Conversation, settings: &ModelSettings) -> Value {
    let mut body = Map::new();
    body.insert("model".into(), model.into());
    if !conversation.system.is_empty() {
        body.insert("instructions".into(), conversation.system.as_str().into());
    }
    body.insert("input".into(), input(&conversation.messages).into());
    if !conversation.tools.is_empty() {
        body.insert("tools".into(), tools(conversation));
        if let Some(parallel) = settings.parallel_calls {
            body.insert("parallel_tool_calls".into(), parallel.into());
        }
    }
    body.insert("store".into(), false.into());
    // The default at OpenAI since reasoning is always returned; other servers send it only when asked.
    body.insert("include".into(), json!(["reasoning.encrypted_content"]));
    if let Some(tokens) = conversation.reply_tokens_max.or(settings.reply_tokens_max) {
        body.insert("max_output_tokens".into(), tokens.into());
    }
    body.insert("stream".into(), settings.stream.applies(conversation).into());
    body.extend(settings.body.clone());
    body.into()
}

fn tools(conversation: &Conversation) -> Value {
    let tool = |tool: &crate::model::Tool| {
        json!({
            "type": "function",
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.parameters,
            // Strict schemas must require every property; ours have optional ones.
            "strict": false,
        })
    };
    conversation.tools.iter().map(tool).collect()
}

fn input(messages: &[Message]) -> Vec<Value> {
    let mut items = Vec::new();
    let mut asked = Vec::new();
    for message in messages {
        match message {
            Message::User(parts) => items.push(json!({ "role": "user", "content": content(parts) })),
            Message::Model(reply) => {
                asked = calls_in(reply);
                items.extend(reply.raw.as_array().cloned().unwrap_or_default());
            }
            Message::Results(results) => items.extend(results.iter().map(|result| output(result, &asked))),
        }
    }
    items
}

/// The ids of the calls that the provider knows to have made.
fn calls_in(reply: &Reply) -> Vec<String> {
    let items = reply.raw.as_array().into_iter().flatten();
    items.filter_map(|item| item["call_id"].as_str().map(str::to_owned)).collect()
}

/// The output of a call; as the person's words where the call came so broken that it cannot be echoed.
fn output(result: &ToolResult, asked: &[String]) -> Value {
    if !asked.contains(&result.call) {
        return json!({ "role": "user", "content": content(&result.content) });
    }
    let output = match result.content.as_slice() {
        [Part::Text(text)] => Value::from(text.as_str()),
        parts => content(parts),
    };
    json!({ "type": "function_call_output", "call_id": result.call, "output": output })
}

fn content(parts: &[Part]) -> Value {
    let part = |part: &Part| match part {
        Part::Text(text) => json!({ "type": "input_text", "text": text }),
        Part::Image { mime, base64 } => {
            json!({ "type": "input_image", "image_url": openai::data_url(mime, base64), "detail": "auto" })
        }
    };
    parts.iter().map(part).collect()
}
