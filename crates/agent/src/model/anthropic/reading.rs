//! A reply of Messages, put together from its stream.
//!
//! Blocks are kept raw. A block whose end never came is no block: it is not kept, but for text, of which the beginning is as
//! good. So a cut call has nothing that would have to be answered. A call whose arguments are not an object is kept
//! with none, since its thinking must be followed by it, and is answered as broken.

use crate::model::{
    BrokenCall, Call, Heard, Reply,
    wire::{Assembly, Ear, Progress, SseEvent, Trouble},
};
use protocol::{Stop, Tokens};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What has come of a reply so far.
#[derive(Debug, Default)]
pub struct Reading {
    blocks: BTreeMap<u64, Block>,
    stop: Option<Stop>,
    tokens: Tokens,
    is_over: bool,
}

#[derive(Debug, Default)]
struct Block {
    value: Value,
    /// The JSON of a call's arguments, as it comes.
    input: String,
    is_whole: bool,
    /// What is wrong with the arguments.
    wrong: Option<String>,
}

impl Assembly for Reading {
    fn event(&mut self, event: &SseEvent, heard: Ear<'_>) -> Result<Progress, Trouble> {
        let event = event.json()?;
        match event["type"].as_str().unwrap_or_default() {
            "message_start" => self.count(&event["message"]["usage"]),
            "content_block_start" => {
                let block = Block { value: event["content_block"].clone(), ..Block::default() };
                block.tell(heard);
                self.blocks.insert(index(&event)?, block);
            }
            "content_block_delta" => self.block(&event)?.add(&event["delta"], heard)?,
            "content_block_stop" => self.block(&event)?.close(),
            "message_delta" => {
                self.count(&event["usage"]);
                self.stop = stop(&event["delta"]);
            }
            "message_stop" => {
                self.is_over = true;
                return Ok(Progress::Done);
            }
            "error" => return Err(Trouble::told(&event)),
            _ => {}
        }
        Ok(Progress::More)
    }

    fn whole(&mut self, mut body: Value, heard: Ear<'_>) -> Result<(), Trouble> {
        if !body["error"].is_null() {
            return Err(Trouble::told(&body));
        }
        let Value::Array(content) = body["content"].take() else {
            return Err(Trouble::malformed("the reply has no content"));
        };
        for (index, value) in (0..).zip(content) {
            let mut block = Block { value, ..Block::default() };
            block.tell(heard);
            block.close();
            self.blocks.insert(index, block);
        }
        self.count(&body["usage"]);
        (self.stop, self.is_over) = (stop(&body), true);
        Ok(())
    }

    fn finish(&mut self) -> Result<Reply, Trouble> {
        if !self.is_over {
            return Err(Trouble::cut("the stream ended before the reply did"));
        }
        let Some(stop) = self.stop.take() else {
            return Err(Trouble::malformed("the reply does not say why it ended"));
        };
        let mut reply = Reply {
            raw: json!([]),
            text: String::new(),
            calls: Vec::new(),
            broken_calls: Vec::new(),
            stop,
            tokens: self.tokens,
            request_id: None,
            retries: 0,
        };
        let mut raw = Vec::new();
        for block in std::mem::take(&mut self.blocks).into_values() {
            raw.extend(block.join(&mut reply));
        }
        reply.raw = raw.into();
        Ok(reply)
    }

    fn tokens(&self) -> Tokens {
        self.tokens
    }
}

impl Reading {
    fn block(&mut self, event: &Value) -> Result<&mut Block, Trouble> {
        let block = self.blocks.get_mut(&index(event)?).filter(|block| !block.is_whole);
        block.ok_or_else(|| Trouble::malformed("an event is about a block that is not there"))
    }

    /// Takes counts over: each is the sum so far, and what is not counted anew stands.
    fn count(&mut self, usage: &Value) {
        let count = |place: &mut u64, value: &Value| *place = value.as_u64().unwrap_or(*place);
        count(&mut self.tokens.input, &usage["input_tokens"]);
        count(&mut self.tokens.output, &usage["output_tokens"]);
        count(&mut self.tokens.cache_read, &usage["cache_read_input_tokens"]);
        count(&mut self.tokens.cache_write, &usage["cache_creation_input_tokens"]);
        count(&mut self.tokens.reasoning, &usage["output_tokens_details"]["thinking_tokens"]);
    }
}

impl Block {
    fn kind(&self) -> &str {
        self.value["type"].as_str().unwrap_or_default()
    }

    /// Tells what the block has from its beginning.
    fn tell(&self, heard: Ear<'_>) {
        match self.kind() {
            "text" => tell(Heard::Text, &self.value["text"], heard),
            "thinking" => tell(Heard::Thinking, &self.value["thinking"], heard),
            _ => {}
        }
    }

    fn add(&mut self, delta: &Value, heard: Ear<'_>) -> Result<(), Trouble> {
        let Some(value) = self.value.as_object_mut() else {
            return Err(Trouble::malformed("a block is not an object"));
        };
        match delta["type"].as_str().unwrap_or_default() {
            "text_delta" => {
                append(value.entry("text").or_insert_with(|| "".into()), &delta["text"]);
                tell(Heard::Text, &delta["text"], heard);
            }
            "thinking_delta" => {
                append(value.entry("thinking").or_insert_with(|| "".into()), &delta["thinking"]);
                tell(Heard::Thinking, &delta["thinking"], heard);
            }
            "signature_delta" => {
                value.insert("signature".into(), delta["signature"].clone());
            }
            "citations_delta" => match value.entry("citations").or_insert(Value::Null) {
                Value::Array(citations) => citations.push(delta["citation"].clone()),
                none => *none = json!([delta["citation"]]),
            },
            "input_json_delta" => self.input.push_str(delta["partial_json"].as_str().unwrap_or_default()),
            // One of tomorrow: text is most likely more text, and anything else is most likely all of it.
            _ => {
                for (field, more) in
                    delta.as_object().into_iter().flatten().filter(|(field, _)| *field != "type")
                {
                    append(value.entry(field).or_insert(Value::Null), more);
                }
            }
        }
        Ok(())
    }

    fn close(&mut self) {
        self.is_whole = true;
        if !self.input.trim().is_empty() {
            let input = serde_json::from_str(&self.input);
            self.wrong =
                input.as_ref().err().map(|error| format!("its arguments are not valid JSON: {error}"));
            self.value["input"] = input.unwrap_or_default();
        }
        if self.kind() == "tool_use" && !self.value["input"].is_object() {
            self.wrong.get_or_insert_with(|| "its arguments are not an object".into());
            self.value["input"] = json!({});
        }
    }

    /// Adds what it means to the reply; what is to be kept of it.
    fn join(self, reply: &mut Reply) -> Option<Value> {
        let word = |name: &str| self.value[name].as_str().unwrap_or_default().to_owned();
        match self.kind() {
            "text" => reply.text.push_str(&word("text")),
            "tool_use" => {
                let (id, name) = (word("id"), word("name"));
                let cut = (!self.is_whole).then(|| "it was cut off before its end".to_owned());
                let nameless =
                    (id.is_empty() || name.is_empty()).then(|| "it has no id or no name".to_owned());
                match cut.or(nameless).or(self.wrong) {
                    Some(why) => reply.broken_calls.push(BrokenCall { id, name, why }),
                    None => reply.calls.push(Call { id, name, arguments: self.value["input"].clone() }),
                }
            }
            _ => {}
        }
        (self.is_whole || self.value["type"] == "text").then_some(self.value)
    }
}

fn index(event: &Value) -> Result<u64, Trouble> {
    event["index"].as_u64().ok_or_else(|| Trouble::malformed("an event does not say which block it is about"))
}

fn tell(what: fn(String) -> Heard, text: &Value, heard: Ear<'_>) {
    if let Some(text) = text.as_str().filter(|text| !text.is_empty()) {
        heard(what(text.to_owned()));
    }
}

fn append(place: &mut Value, more: &Value) {
    match (place, more) {
        (Value::String(text), Value::String(more)) => text.push_str(more),
        (place, more) => *place = more.clone(),
    }
}

/// Why it ended: from the end of a stream, or from a whole reply.
fn stop(said: &Value) -> Option<Stop> {
    Some(match said["stop_reason"].as_str()? {
        "end_turn" | "stop_sequence" => Stop::EndTurn,
        "tool_use" => Stop::ToolUse,
        "max_tokens" => Stop::MaxTokens,
        "pause_turn" => Stop::Pause,
        "refusal" => Stop::Refusal(said["stop_details"]["category"].as_str().map(str::to_owned)),
        "model_context_window_exceeded" => Stop::ContextWindow,
        other => Stop::Other(other.to_owned()),
    })
}
