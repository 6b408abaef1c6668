//! Tool calls put together from the pieces of a stream, however a server numbers and names them.

use crate::model::{BrokenCall, Call, openai::arguments};
use serde_json::{Map, Value, json};

/// The calls of a reply, in the order in which they began.
#[derive(Debug, Default)]
pub(super) struct Calls {
    begun: Vec<Begun>,
}

#[derive(Debug, Default)]
struct Begun {
    index: u64,
    id: String,
    name: String,
    arguments: String,
    /// Fields that are not known here: they go back with the call.
    more: Map<String, Value>,
}

/// A piece of a call.
struct Piece<'a> {
    index: u64,
    id: &'a str,
    name: &'a str,
    arguments: String,
}

impl Begun {
    /// True where its arguments are a whole object.
    fn is_whole(&self) -> bool {
        !self.arguments.trim().is_empty() && arguments(&self.arguments).is_ok()
    }

    /// True where a piece is this call once more, as some servers end a stream.
    fn repeats(&self, piece: &Piece) -> bool {
        !piece.id.is_empty() && self.id == piece.id && self.arguments == piece.arguments
    }
}

impl Calls {
    /// True while no call has begun.
    pub fn is_empty(&self) -> bool {
        self.begun.is_empty()
    }

    /// Takes the `tool_calls` of a piece of a stream.
    pub fn take_pieces(&mut self, pieces: &Value) {
        for piece in pieces.as_array().into_iter().flatten() {
            self.take(piece, piece["index"].as_u64().unwrap_or(0));
        }
    }

    /// Takes the `tool_calls` of a whole message.
    pub fn take_whole(&mut self, calls: &Value) {
        for (index, call) in (0..).zip(calls.as_array().into_iter().flatten()) {
            self.take(call, index);
        }
    }

    /// Takes a call that stood in the text.
    pub fn take_tagged(&mut self, name: &str, arguments: String) {
        let index = self.begun.len() as u64;
        self.begun.push(Begun { index, name: name.to_owned(), arguments, ..Begun::default() });
    }

    fn take(&mut self, value: &Value, index: u64) {
        let function = &value["function"];
        let piece = Piece {
            index,
            id: value["id"].as_str().unwrap_or_default(),
            name: function["name"].as_str().unwrap_or_default(),
            arguments: match &function["arguments"] {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            },
        };
        let at = self.continued(&piece).unwrap_or_else(|| {
            self.begun.push(Begun { index, ..Begun::default() });
            self.begun.len() - 1
        });
        let begun = &mut self.begun[at];
        if begun.id.is_empty() {
            begun.id = piece.id.to_owned();
        }
        if begun.name.is_empty() {
            begun.name = piece.name.to_owned();
        }
        if !begun.is_whole() || !begun.repeats(&piece) {
            begun.arguments.push_str(&piece.arguments);
        }
        let known = ["index", "id", "type", "function"];
        let more = value.as_object().into_iter().flatten().filter(|(key, _)| !known.contains(&key.as_str()));
        begun.more.extend(more.map(|(key, value)| (key.clone(), value.clone())));
    }

    /// The call that a piece belongs to; `None` where it begins one.
    ///
    /// Servers number all calls 0, give every piece a new id, or say the name again with every piece. What cannot
    /// deceive: arguments that are a whole object are not continued, and one call has one name.
    fn continued(&self, piece: &Piece) -> Option<usize> {
        let here = |begun: &Begun| begun.index == piece.index;
        let same_id = |begun: &Begun| here(begun) && !piece.id.is_empty() && begun.id == piece.id;
        let at = self.begun.iter().rposition(same_id).or_else(|| self.begun.iter().rposition(here))?;
        let last = &self.begun[at];
        let renamed = !piece.name.is_empty() && !last.name.is_empty() && piece.name != last.name;
        let says_more = !piece.arguments.trim().is_empty();
        let begins = last.is_whole()
            && if same_id(last) {
                says_more && !piece.name.is_empty()
            } else {
                says_more || !piece.name.is_empty()
            };
        (!renamed && (!begins || last.repeats(piece))).then_some(at)
    }

    /// The calls as they go back, those that may be carried out, and those that may not. `cut` is why none may.
    /// `prefix` begins the ids of calls that came without one.
    pub fn finish(self, prefix: &str, cut: Option<&str>) -> Finished {
        let mut finished = Finished::default();
        let mut ids: Vec<String> = Vec::new();
        for (number, begun) in (1..).zip(self.begun) {
            let given = !begun.id.is_empty() && !ids.contains(&begun.id);
            let id = if given { begun.id } else { format!("{prefix}{number}") };
            ids.push(id.clone());
            let parsed = match (cut, begun.name.is_empty()) {
                (Some(why), _) => Err(why.to_owned()),
                (None, true) => Err("it names no tool".to_owned()),
                (None, false) => arguments(&begun.arguments),
            };
            // Servers fill arguments into a template: text that is not JSON would be an error for ever.
            let text = if parsed.is_ok() && !begun.arguments.trim().is_empty() {
                begun.arguments
            } else {
                "{}".into()
            };
            let mut raw = json!({ "id": id, "type": "function", "function": { "name": begun.name, "arguments": text } });
            raw.as_object_mut().expect("an object").extend(begun.more);
            finished.raw.push(raw);
            match parsed {
                Ok(arguments) => finished.calls.push(Call { id, name: begun.name, arguments }),
                Err(why) => finished.broken.push(BrokenCall { id, name: begun.name, why }),
            }
        }
        finished
    }
}

/// What became of the pieces.
#[derive(Debug, Default)]
pub(super) struct Finished {
    /// `tool_calls` of the message that goes back.
    pub raw: Vec<Value>,
    /// Those that may be carried out.
    pub calls: Vec<Call>,
    /// Those that may not.
    pub broken: Vec<BrokenCall>,
}
