//! A model provider for tests: a server that speaks real wire shapes, scripted by data. Each request takes the next step of
//! the script; its path tells in which shape.
//!
//! A script is `{"steps": [STEP, …]}`; what a step may say is in the provider's module.

#![allow(dead_code, reason = "every test uses another part of it")]

pub mod anthropic;
pub mod chat;
pub mod openai;
pub mod responses;
pub mod server;

use serde::Deserialize;
use serde_json::{Value, json};
use server::{Answer, Received, Server};
use std::io;

/// What is answered, in order. A step is taken `times` times (once where it does not say).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    pub steps: Vec<Value>,
}

impl Script {
    /// A server that follows the script, on a free port for 0.
    pub async fn serve(self, port: u16) -> io::Result<Server> {
        let times = |step: &Value| step["times"].as_u64().unwrap_or(1) as usize;
        let steps: Vec<Value> = self.steps.iter().flat_map(|step| vec![step.clone(); times(step)]).collect();
        let answer = move |received: &Received, number: usize| match steps.get(number) {
            Some(step) => answer(received, step),
            None => Answer::json(418, &json!({ "error": { "message": "the script has no more steps" } })),
        };
        Server::listen(port, answer).await
    }
}

/// Starts a server that follows these steps.
pub async fn start(steps: impl IntoIterator<Item = Value>) -> Server {
    let script = Script { steps: steps.into_iter().collect() };
    script.serve(0).await.unwrap()
}

fn answer(received: &Received, step: &Value) -> Answer {
    match received.path.as_str() {
        path if path.ends_with("/v1/messages") => anthropic::answer(received, step),
        path if path.ends_with("/responses") => responses::answer(received, step),
        path if path.ends_with("/chat/completions") => chat::answer(received, step),
        path => Answer::json(404, &json!({ "error": { "type": "not_found_error", "message": path } })),
    }
}
