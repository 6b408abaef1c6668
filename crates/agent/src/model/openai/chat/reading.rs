//! A reply of Chat Completions: put together from the pieces of a stream, or read as a whole.
//!
//! What came decides what the reply is; `finish_reason` is only a word.

use super::{
    calls::{Calls, Finished},
    tags,
    thinking::{Parted, Parting},
};
use crate::model::{
    Heard, ModelSettings, Reply, openai,
    wire::{Assembly, Ear, Progress, SseEvent, Trouble},
};
use protocol::{Stop, Tokens};
use serde_json::{Map, Value, json};

/// What has come so far.
#[derive(Debug)]
pub(super) struct Reading {
    /// Begins the ids of calls that come without one.
    id_prefix: String,
    tagged_calls: bool,
    echo_reasoning: bool,
    reasoning_fields: Vec<String>,
    parting: Parting,
    /// The text as it came, for the echo.
    content: String,
    /// The text without thoughts.
    said: String,
    refusal: String,
    reasoning: String,
    calls: Calls,
    /// The server's word for why it ended.
    ended: Option<String>,
    /// `[DONE]` came, or the reply was not streamed.
    done: bool,
    /// What was held back has been told.
    closed: bool,
    tokens: Tokens,
}

impl Assembly for Reading {
    fn event(&mut self, event: &SseEvent, heard: Ear<'_>) -> Result<Progress, Trouble> {
        if event.data.trim() == "[DONE]" {
            self.done = true;
            self.close(heard);
            return Ok(Progress::Done);
        }
        self.take(&event.json()?, heard)?;
        // Not over with the finish reason: the usage comes after it.
        Ok(Progress::More)
    }

    fn whole(&mut self, body: Value, heard: Ear<'_>) -> Result<(), Trouble> {
        self.take(&body, heard)?;
        if !body["choices"][0]["message"].is_object() {
            return Err(Trouble::malformed("the reply has no message"));
        }
        self.done = true;
        self.close(heard);
        Ok(())
    }

    fn finish(&mut self) -> Result<Reply, Trouble> {
        if !self.done && self.ended.is_none() {
            return Err(Trouble::cut("the stream ended before the reply did"));
        }
        let lost = self.calls.is_empty() && self.said.trim().is_empty();
        if lost && self.ended.as_deref() == Some("tool_calls") {
            return Err(Trouble::malformed(super::LOST_CALLS));
        }
        let stop = self.stop();
        let cut = (stop == Stop::MaxTokens).then_some("the reply was cut off");
        let finished = std::mem::take(&mut self.calls).finish(&self.id_prefix, cut);
        let raw = self.raw(&finished);
        let text = std::mem::take(if self.said.is_empty() { &mut self.refusal } else { &mut self.said });
        let Finished { calls, broken: broken_calls, .. } = finished;
        Ok(Reply { raw, text, calls, broken_calls, stop, tokens: self.tokens, request_id: None, retries: 0 })
    }

    fn tokens(&self) -> Tokens {
        self.tokens
    }
}

impl Reading {
    /// Nothing has come yet.
    pub fn new(settings: &ModelSettings, id_prefix: &str) -> Reading {
        let usual = || vec!["reasoning_content".to_owned(), "reasoning".to_owned()];
        Reading {
            id_prefix: id_prefix.to_owned(),
            tagged_calls: settings.tagged_calls,
            echo_reasoning: settings.echo_reasoning,
            reasoning_fields: settings.reasoning_field.clone().map_or_else(usual, |field| vec![field]),
            parting: Parting::default(),
            content: String::new(),
            said: String::new(),
            refusal: String::new(),
            reasoning: String::new(),
            calls: Calls::default(),
            ended: None,
            done: false,
            closed: false,
            tokens: Tokens::default(),
        }
    }

    /// Takes a piece of a stream, or the whole reply.
    fn take(&mut self, piece: &Value, heard: Ear<'_>) -> Result<(), Trouble> {
        let choice = &piece["choices"][0];
        if let Some(failed) = [piece, choice].into_iter().find(|value| !value["error"].is_null()) {
            return Err(Trouble::told(failed));
        }
        if piece["usage"].is_object() {
            self.tokens = openai::tokens(&piece["usage"]);
        }
        self.calls.take_pieces(&choice["delta"]["tool_calls"]);
        self.calls.take_whole(&choice["message"]["tool_calls"]);
        for message in [&choice["delta"], &choice["message"]] {
            self.words(message, heard);
        }
        if let Some(word) = choice["finish_reason"].as_str().filter(|word| !word.is_empty()) {
            self.ended = Some(word.to_owned());
            self.close(heard);
        }
        Ok(())
    }

    /// Tells what was held back.
    fn close(&mut self, heard: Ear<'_>) {
        if std::mem::replace(&mut self.closed, true) {
            return;
        }
        let parted = std::mem::take(&mut self.parting).end();
        self.hear(parted, heard);
        if self.tagged_calls {
            self.untag(heard);
        }
    }

    fn words(&mut self, message: &Value, heard: Ear<'_>) {
        let field = self.reasoning_fields.iter().find_map(|field| message[field].as_str());
        let (text, thought) = content(&message["content"]);
        let thought = field.unwrap_or_default().to_owned() + &thought;
        self.reasoning.push_str(&thought);
        say(Heard::Thinking, thought, heard);
        self.content.push_str(&text);
        let parted = self.parting.take(&text);
        self.hear(parted, heard);
        if let Some(refusal) = message["refusal"].as_str() {
            self.refusal.push_str(refusal);
            say(Heard::Text, refusal.to_owned(), heard);
        }
    }

    fn hear(&mut self, parted: Parted, heard: Ear<'_>) {
        say(Heard::Thinking, parted.thought, heard);
        self.said.push_str(&parted.said);
        if !self.tagged_calls {
            say(Heard::Text, parted.said, heard);
        }
    }

    /// Moves calls out of the text. From here on they are as if the server had read them.
    fn untag(&mut self, heard: Ear<'_>) {
        let (said, tagged) = tags::part(&self.said);
        if !tagged.is_empty() {
            self.content.clone_from(&said);
        }
        for call in tagged {
            self.calls.take_tagged(&call.name, call.arguments);
        }
        self.said.clone_from(&said);
        say(Heard::Text, said, heard);
    }

    fn stop(&self) -> Stop {
        match self.ended.as_deref() {
            Some("length") => Stop::MaxTokens,
            Some("content_filter") => Stop::Refusal(Some("content_filter".into())),
            _ if !self.calls.is_empty() => Stop::ToolUse,
            _ if !self.refusal.is_empty() => Stop::Refusal(None),
            None | Some("stop" | "eos" | "end_turn" | "tool_calls") => Stop::EndTurn,
            Some(other) => Stop::Other(other.to_owned()),
        }
    }

    /// The message as it goes back. Text is never `null`: templates of local servers fail on it.
    fn raw(&self, finished: &Finished) -> Value {
        let mut raw = Map::new();
        raw.insert("role".into(), "assistant".into());
        raw.insert("content".into(), self.content.as_str().into());
        if !self.refusal.is_empty() {
            raw.insert("refusal".into(), self.refusal.as_str().into());
        }
        if self.echo_reasoning && !self.reasoning.is_empty() {
            raw.insert(self.reasoning_fields[0].clone(), self.reasoning.as_str().into());
        }
        if !finished.raw.is_empty() {
            raw.insert("tool_calls".into(), json!(finished.raw));
        }
        raw.into()
    }
}

fn say(kind: fn(String) -> Heard, text: String, heard: Ear<'_>) {
    if !text.is_empty() {
        heard(kind(text));
    }
}

/// Text and thoughts of a message's content: a string, or a list of parts.
fn content(content: &Value) -> (String, String) {
    let Some(parts) = content.as_array() else {
        return (content.as_str().unwrap_or_default().to_owned(), String::new());
    };
    let texts = |parts: &[Value]| parts.iter().filter_map(|part| part["text"].as_str()).collect::<String>();
    let thoughts = parts.iter().filter_map(|part| part["thinking"].as_array());
    (texts(parts), thoughts.map(|thoughts| texts(thoughts)).collect())
}
