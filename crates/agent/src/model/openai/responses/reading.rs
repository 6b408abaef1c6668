//! A reply of Responses: put together from the events of a stream, or read as a whole.
//!
//! Items are kept as they came and go back so, also those of types that nobody here knows.

use crate::model::{
    BrokenCall, Call, Heard, Reply, openai,
    wire::{Assembly, Ear, Progress, SseEvent, Trouble},
};
use protocol::{Stop, Tokens};
use serde_json::Value;
use std::collections::BTreeMap;

/// What has come so far.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// Items that are whole, by their place.
    whole: BTreeMap<u64, Value>,
    /// Items as they began.
    begun: BTreeMap<u64, Value>,
    /// The response with its status and usage, once it has ended.
    response: Option<Value>,
}

impl Assembly for Reading {
    fn event(&mut self, event: &SseEvent, heard: Ear<'_>) -> Result<Progress, Trouble> {
        let event = event.json()?;
        let place = event["output_index"].as_u64();
        let delta = || event["delta"].as_str().unwrap_or_default().to_owned();
        match event["type"].as_str().unwrap_or_default() {
            "response.output_text.delta" | "response.refusal.delta" => heard(Heard::Text(delta())),
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                heard(Heard::Thinking(delta()));
            }
            "response.output_item.added" => {
                self.begun.extend(place.map(|place| (place, event["item"].clone())));
            }
            "response.output_item.done" => {
                self.whole.extend(place.map(|place| (place, event["item"].clone())));
            }
            "response.completed" | "response.incomplete" | "response.failed" | "response.cancelled" => {
                self.end(event["response"].clone())?;
                return Ok(Progress::Done);
            }
            "error" => return Err(Trouble::told(&event)),
            _ => {}
        }
        Ok(Progress::More)
    }

    fn whole(&mut self, body: Value, heard: Ear<'_>) -> Result<(), Trouble> {
        self.end(body)?;
        for item in self.whole.values() {
            let (thoughts, parts) = (&item["summary"], &item["content"]);
            for part in thoughts.as_array().into_iter().chain(parts.as_array()).flatten() {
                let text = part["text"].as_str().or(part["refusal"].as_str()).unwrap_or_default().to_owned();
                heard(if item["type"] == "reasoning" { Heard::Thinking(text) } else { Heard::Text(text) });
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Reply, Trouble> {
        let tokens = self.tokens();
        let Some(response) = self.response.take() else {
            return Err(Trouble::cut("the stream ended before the response did"));
        };
        let mut said = Said::default();
        for item in self.whole.values() {
            said.item(item);
        }
        for (place, item) in &self.begun {
            if item["type"] == "function_call" && !self.whole.contains_key(place) {
                said.broken(item, CUT);
            }
        }
        if let (Some(_), Some(message)) = (policy_of(&response), response["error"]["message"].as_str()) {
            said.paragraph(message);
        }
        Ok(Reply {
            raw: std::mem::take(&mut self.whole).into_values().collect(),
            stop: said.stop(&response),
            text: said.text,
            calls: said.calls,
            broken_calls: said.broken,
            tokens,
            request_id: None,
            retries: 0,
        })
    }

    fn tokens(&self) -> Tokens {
        self.response.as_ref().map(|response| openai::tokens(&response["usage"])).unwrap_or_default()
    }
}

impl Reading {
    fn end(&mut self, response: Value) -> Result<(), Trouble> {
        let response = self.response.insert(response);
        match response["status"].as_str() {
            Some("completed" | "incomplete") => {}
            _ if policy_of(response).is_some() => {}
            _ if response["error"].is_object() => return Err(Trouble::told(response)),
            Some(other) => return Err(Trouble::cut(format!("the response is {other:.40}"))),
            None => return Err(Trouble::malformed("the reply is no response")),
        }
        // An item of the stream is preferred: that of the end is the same, or less.
        for (place, item) in (0..).zip(response["output"].as_array().into_iter().flatten()) {
            self.whole.entry(place).or_insert_with(|| item.clone());
        }
        Ok(())
    }
}

const CUT: &str = "it was cut off before its arguments were complete";

/// The provider's word for a response that its policy ended.
fn policy_of(response: &Value) -> Option<&str> {
    let code = response["error"]["code"].as_str()?;
    (code.ends_with("_policy") || code.ends_with("_policy_violation")).then_some(code)
}

/// What the items mean.
#[derive(Default)]
struct Said {
    text: String,
    refused: bool,
    calls: Vec<Call>,
    broken: Vec<BrokenCall>,
}

impl Said {
    fn item(&mut self, item: &Value) {
        match item["type"].as_str() {
            Some("message") => {
                for part in item["content"].as_array().into_iter().flatten() {
                    self.refused |= part["type"] == "refusal";
                    self.paragraph(part["text"].as_str().or(part["refusal"].as_str()).unwrap_or_default());
                }
            }
            Some("function_call") if item["status"] == "incomplete" => {
                self.broken(item, CUT);
            }
            Some("function_call") => self.call(item),
            _ => {}
        }
    }

    fn call(&mut self, item: &Value) {
        let (Some(id), Some(name)) = (item["call_id"].as_str(), item["name"].as_str()) else {
            return self.broken(item, "it came without an id or a name");
        };
        match openai::arguments(item["arguments"].as_str().unwrap_or_default()) {
            Ok(arguments) => self.calls.push(Call { id: id.into(), name: name.into(), arguments }),
            Err(why) => self.broken(item, &why),
        }
    }

    fn broken(&mut self, item: &Value, why: &str) {
        let word = |key: &str| item[key].as_str().unwrap_or_default().to_owned();
        self.broken.push(BrokenCall { id: word("call_id"), name: word("name"), why: why.to_owned() });
    }

    fn paragraph(&mut self, text: &str) {
        if !self.text.is_empty() && !text.is_empty() {
            self.text.push_str("\n\n");
        }
        self.text.push_str(text);
    }

    fn stop(&self, response: &Value) -> Stop {
        if let Some(code) = policy_of(response) {
            return Stop::Refusal(Some(code.to_owned()));
        }
        if response["status"] == "incomplete" {
            return match response["incomplete_details"]["reason"].as_str().unwrap_or("incomplete") {
                "max_output_tokens" => Stop::MaxTokens,
                "content_filter" => Stop::Refusal(Some("content_filter".into())),
                other => Stop::Other(other.to_owned()),
            };
        }
        if !self.calls.is_empty() || !self.broken.is_empty() {
            Stop::ToolUse
        } else if self.refused {
            Stop::Refusal(None)
        } else {
            Stop::EndTurn
        }
    }
}
