//! A model at the mock, and short ways to ask it.

use crate::mock::server::Server;
use agent::model::{
    Anthropic, Bounds, Conversation, Failure, Heard, Key, Message, Model, ModelSettings, Part, Reply, Tool,
    Traits,
};
use serde_json::json;
use std::time::{Duration, Instant};

pub const KEY: &str = "sk-ant-api03-sesame-open";

pub fn settings(server: &Server) -> ModelSettings {
    ModelSettings { base_url: Some(server.url()), idle_timeout_ms: Some(20_000), ..ModelSettings::default() }
}

pub fn model(settings: &ModelSettings) -> Anthropic {
    let traits = Traits { tools: true, images: true, prices: None };
    Anthropic::open("claude-sonnet-5-5", settings, traits, Some(Key::new(KEY))).unwrap()
}

pub fn conversation() -> Conversation {
    let parameters = json!({ "type": "object", "properties": { "code": { "type": "string" } } });
    let tool = Tool { name: "run_code".into(), description: "Runs code.".into(), parameters };
    Conversation {
        system: "You write code.".into(),
        tools: vec![tool],
        messages: vec![Message::User(vec![Part::Text("Go.".into())])],
        reply_tokens_max: None,
    }
}

pub fn bounds() -> Bounds {
    Bounds::new(Some(Instant::now() + Duration::from_secs(60)), 6)
}

/// Asks, and keeps what was heard.
pub async fn ask(
    model: &Anthropic,
    conversation: &Conversation,
    bounds: &Bounds,
) -> (Result<Reply, Failure>, Vec<Heard>) {
    let mut all = Vec::new();
    let reply = model.reply(conversation, bounds, &mut |heard| all.push(heard)).await;
    (reply, all)
}

/// Asks once, as everybody does.
pub async fn ask_at(server: &Server) -> (Result<Reply, Failure>, Vec<Heard>) {
    ask(&model(&settings(server)), &conversation(), &bounds()).await
}

/// All text that was heard and stands.
pub fn text(heard: &[Heard]) -> String {
    heard.iter().fold(String::new(), |text, heard| match heard {
        Heard::Text(more) => text + more,
        Heard::Retry { .. } => String::new(),
        Heard::Thinking(_) => text,
    })
}

/// All thoughts that were heard and stand.
pub fn thoughts(heard: &[Heard]) -> String {
    heard.iter().fold(String::new(), |text, heard| match heard {
        Heard::Thinking(more) => text + more,
        Heard::Retry { .. } => String::new(),
        Heard::Text(_) => text,
    })
}
