//! OpenAI's two ways of talking against a provider that checks every request, and which model is meant where.

mod chat;
mod choosing;
mod failures;
#[path = "../mock/mod.rs"]
mod mock;
mod official;
mod quirks;
mod responses;
#[path = "../sdks/mod.rs"]
mod sdks;

use agent::model::{
    Bounds, Call, Conversation, Failure, Heard, Message, Model, ModelSettings, ModelSpec, Part, Provider,
    Reply, Tool, ToolResult, open,
};
use mock::server::Server;
use serde_json::{Value, json};
use std::sync::Arc;

const KEY: &str = "sk-key-of-a-test";

/// A model at a server, with a key.
fn at(server: &Server, provider: Provider, settings: Value) -> Arc<dyn Model> {
    let mut settings: ModelSettings = serde_json::from_value(settings).unwrap();
    settings.base_url = settings.base_url.or(Some(format!("{}/v1", server.url())));
    settings.key_env = settings.key_env.or(Some("A_KEY".into()));
    let spec = ModelSpec { provider, name: "m-1".into() };
    open(&spec, &settings, &|name| (name == "A_KEY").then(|| KEY.to_owned())).unwrap()
}

fn responses(server: &Server) -> Arc<dyn Model> {
    at(server, Provider::Openai, json!({}))
}

fn chat(server: &Server) -> Arc<dyn Model> {
    at(server, Provider::OpenaiChat, json!({}))
}

/// What a model replied, and what was heard.
struct Said {
    result: Result<Reply, Failure>,
    heard: Vec<Heard>,
}

impl Said {
    fn reply(&self) -> &Reply {
        self.result.as_ref().unwrap()
    }

    fn failure(&self) -> &Failure {
        self.result.as_ref().unwrap_err()
    }

    /// All text since the last retry.
    fn text(&self) -> String {
        let heard =
            self.heard.rsplit(|heard| matches!(heard, Heard::Retry { .. })).next().unwrap_or_default();
        heard
            .iter()
            .filter_map(|heard| if let Heard::Text(text) = heard { Some(text.as_str()) } else { None })
            .collect()
    }

    fn thinking(&self) -> String {
        let thought =
            |heard: &Heard| if let Heard::Thinking(text) = heard { Some(text.clone()) } else { None };
        self.heard.iter().filter_map(thought).collect()
    }
}

async fn ask(model: &dyn Model, conversation: &Conversation) -> Said {
    ask_within(model, conversation, &Bounds::new(None, 6)).await
}

async fn ask_within(model: &dyn Model, conversation: &Conversation, bounds: &Bounds) -> Said {
    let mut heard = Vec::new();
    let result = model.reply(conversation, bounds, &mut |what| heard.push(what)).await;
    Said { result, heard }
}

fn user(text: &str) -> Message {
    Message::User(vec![Part::Text(text.into())])
}

/// A question, with one tool.
fn question() -> Conversation {
    let parameters =
        json!({ "type": "object", "properties": { "code": { "type": "string" } }, "required": ["code"] });
    Conversation {
        system: "You answer by code.".into(),
        tools: vec![Tool { name: "run_code".into(), description: "Runs code.".into(), parameters }],
        messages: vec![user("What is 47/1283?")],
        reply_tokens_max: None,
    }
}

/// The question, a reply, and results for all its calls.
fn answered(reply: &Reply, results: Vec<ToolResult>) -> Conversation {
    let mut conversation = question();
    conversation.messages.extend([Message::Model(reply.clone()), Message::Results(results)]);
    conversation
}

fn result(call: &str, text: &str) -> ToolResult {
    ToolResult { call: call.into(), content: vec![Part::Text(text.into())], failed: false }
}

fn call(id: &str, code: &str) -> Call {
    Call { id: id.into(), name: "run_code".into(), arguments: json!({ "code": code }) }
}
