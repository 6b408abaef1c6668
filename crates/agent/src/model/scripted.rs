//! A model that says what it was told to say: for tests of everything around a model.

use super::{Call, Conversation, Failure, FailureKind, Heard, Model, Reply, Traits};
use crate::model::Bounds;
use protocol::{Stop, Tokens};
use serde_json::{Value, json};
use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// What happens at one request.
#[derive(Debug, Clone)]
pub enum Step {
    /// Something is heard before the reply; its text is heard anyway.
    After(Vec<Heard>, Reply),
    /// The model replies.
    Reply(Reply),
    /// It does not.
    Failure(Failure),
    /// Nothing comes, ever.
    Silence,
}

/// A model made from a list of steps.
#[derive(Debug)]
pub struct Scripted {
    traits: Traits,
    steps: Mutex<VecDeque<Step>>,
    seen: Mutex<Vec<Conversation>>,
}

impl Scripted {
    /// A model that calls tools, reads no pictures and has no prices.
    pub fn new(steps: impl IntoIterator<Item = Step>) -> Scripted {
        let traits = Traits { tools: true, images: false, prices: None };
        Scripted::with(traits, steps)
    }

    /// A model with these traits.
    pub fn with(traits: Traits, steps: impl IntoIterator<Item = Step>) -> Scripted {
        let steps = Mutex::new(steps.into_iter().collect());
        Scripted { traits, steps, seen: Mutex::default() }
    }

    /// The conversations that it was asked to reply to.
    pub fn seen(&self) -> Vec<Conversation> {
        lock(&self.seen).clone()
    }
}

impl Model for Scripted {
    fn name(&self) -> &str {
        "scripted:test"
    }

    fn traits(&self) -> &Traits {
        &self.traits
    }

    fn reply<'a>(
        &'a self,
        conversation: &'a Conversation,
        _: &'a Bounds,
        heard: &'a mut (dyn FnMut(Heard) + Send),
    ) -> Pin<Box<dyn Future<Output = Result<Reply, Failure>> + Send + 'a>> {
        Box::pin(async move {
            lock(&self.seen).push(conversation.clone());
            let step = lock(&self.steps).pop_front();
            let (before, reply) = match step {
                Some(Step::After(before, reply)) => (before, reply),
                Some(Step::Reply(reply)) => (Vec::new(), reply),
                Some(Step::Failure(failure)) => return Err(failure),
                Some(Step::Silence) => std::future::pending().await,
                None => return Err(failure(FailureKind::Differs, "go on: the script has no more steps")),
            };
            before.into_iter().chain(pieces(&reply.text)).for_each(heard);
            Ok(reply)
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A reply of text only.
pub fn says(text: &str) -> Reply {
    Reply {
        raw: Value::Null,
        text: text.to_owned(),
        calls: Vec::new(),
        broken_calls: Vec::new(),
        stop: Stop::EndTurn,
        tokens: Tokens { input: 100, output: 10, ..Tokens::default() },
        request_id: None,
        retries: 0,
    }
}

/// A reply that calls tools: names and arguments. Their ids are `call_1`, `call_2`, ….
pub fn calls<'a>(calls: impl IntoIterator<Item = (&'a str, Value)>) -> Reply {
    let call = |(at, (name, arguments)): (usize, (&str, Value))| Call {
        id: format!("call_{}", at + 1),
        name: name.to_owned(),
        arguments,
    };
    let calls = calls.into_iter().enumerate().map(call).collect();
    Reply { calls, stop: Stop::ToolUse, ..says("") }
}

/// A reply that runs Python code.
pub fn runs(code: &str) -> Reply {
    calls([("run_code", json!({ "code": code }))])
}

/// A reply that does not come, without anything that would help.
pub fn failure(kind: FailureKind, message: &str) -> Failure {
    let (hint, request_id, retries, tokens) = Default::default();
    Failure { kind, message: message.to_owned(), hint, request_id, retries, tokens }
}

/// Text as it would be streamed, in pieces of a word each.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = Heard> + '_ {
    text.split_inclusive(' ').map(|piece| Heard::Text(piece.to_owned()))
}
