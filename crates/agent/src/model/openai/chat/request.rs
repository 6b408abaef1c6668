//! A conversation as the body of `POST /chat/completions`.

use crate::model::{Conversation, MaxTokensField, Message, ModelSettings, Part, ToolResult, openai};
use serde_json::{Map, Value, json};

/// The body. `own` is true at OpenAI itself, whose newest models want another name for the longest reply.
pub(super) fn body(model: &str, conversation: &Conversation, settings: &ModelSettings, own: bool) -> Value {
    let mut body = Map::new();
    body.insert("model".into(), model.into());
    body.insert("messages".into(), messages(conversation).into());
    if !conversation.tools.is_empty() {
        body.insert("tools".into(), tools(conversation));
        if let Some(parallel) = settings.parallel_calls {
            body.insert("parallel_tool_calls".into(), parallel.into());
        }
    }
    if let Some(tokens) = conversation.reply_tokens_max.or(settings.reply_tokens_max) {
        body.insert(tokens_field(settings, own).into(), tokens.into());
    }
    if settings.stream.applies(conversation) {
        body.insert("stream".into(), true.into());
        body.insert("stream_options".into(), json!({ "include_usage": true }));
    }
    body.extend(settings.body.clone());
    body.into()
}

fn tokens_field(settings: &ModelSettings, own: bool) -> &'static str {
    match (settings.max_tokens_field, own) {
        (Some(MaxTokensField::MaxTokens), _) | (None, false) => "max_tokens",
        (Some(MaxTokensField::MaxCompletionTokens), _) | (None, true) => "max_completion_tokens",
    }
}

fn tools(conversation: &Conversation) -> Value {
    let tool = |tool: &crate::model::Tool| {
        let crate::model::Tool { name, description, parameters } = tool;
        json!({ "type": "function", "function": { "name": name, "description": description, "parameters": parameters } })
    };
    conversation.tools.iter().map(tool).collect()
}

fn messages(conversation: &Conversation) -> Vec<Value> {
    let mut messages = Vec::new();
    if !conversation.system.is_empty() {
        messages.push(json!({ "role": "system", "content": conversation.system }));
    }
    for message in &conversation.messages {
        match message {
            Message::User(parts) => messages.push(user(parts)),
            Message::Model(reply) => messages.push(reply.raw.clone()),
            Message::Results(results) => answer(results, &mut messages),
        }
    }
    messages
}

/// Results are text; pictures follow as the person's, for only the person may show pictures here.
fn answer(results: &[ToolResult], messages: &mut Vec<Value>) {
    let mut shown = Vec::new();
    for result in results {
        let mut lines = Vec::new();
        for part in &result.content {
            match part {
                Part::Text(text) => lines.push(text.clone()),
                Part::Image { .. } => {
                    shown.push(part.clone());
                    lines.push(format!("[picture {} follows]", shown.len()));
                }
            }
        }
        let content = lines.join("\n");
        messages.push(json!({ "role": "tool", "tool_call_id": result.call, "content": content }));
    }
    if !shown.is_empty() {
        shown.insert(0, Part::Text("The pictures of these results, in order.".to_owned()));
        messages.push(user(&shown));
    }
}

fn user(parts: &[Part]) -> Value {
    // Many local servers know text only as a plain string.
    let texts: Option<Vec<&str>> = parts.iter().map(text).collect();
    let content = match texts {
        Some(texts) => texts.join("\n\n").into(),
        None => parts.iter().map(part).collect::<Value>(),
    };
    json!({ "role": "user", "content": content })
}

fn text(part: &Part) -> Option<&str> {
    match part {
        Part::Text(text) => Some(text),
        Part::Image { .. } => None,
    }
}

fn part(part: &Part) -> Value {
    match part {
        Part::Text(text) => json!({ "type": "text", "text": text }),
        Part::Image { mime, base64 } => {
            json!({ "type": "image_url", "image_url": { "url": openai::data_url(mime, base64) } })
        }
    }
}
