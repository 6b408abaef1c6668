//! Conversations in files: [`Recorder`] writes what a model says, [`Recording`] says it again, offline.
//!
//! Only the model's turns are recorded; code really runs at every replay. A recording is JSON, made to be read and edited:
//!
//! ```json
//! { "version": 1, "model": "anthropic:name", "turns": [
//!   { "expect": { "prompt": "What is 6 times 7?" }, "text": "I compute it.",
//!     "calls": [ { "name": "run_code", "code": ["x = 6 * 7", "x"] } ], "tokens": { "input": 812, "output": 40 } },
//!   { "expect": { "results": ["ok"] }, "text": "It is **42**." } ] }
//! ```
//!
//! `version` is 1. `model`, `tools` (default true), `images` (false) and `prices` tell of the model that was recorded. A turn's
//! `text` and a call's `code` are a string or a list of lines. A call's other `arguments` are an object. `stop` and `tokens`
//! are as in an answer; without `stop` a turn with calls wants them answered and another is the end. `broken_calls` are calls
//! that were cut off. `expect` is what the model had seen: the question, or how each call ended (status and name of the
//! error, nothing that changes from run to run). Where it differs at a replay, the replay ends and says where; a turn without
//! `expect` fits everything. Several questions of one conversation follow each other.

use super::{
    Bounds, BrokenCall, Call, Conversation, Failure, FailureKind, Heard, Message, Model, Prices, Reply,
    Traits, scripted,
};
use crate::chat::view;
use protocol::{Stop, Tokens};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::{
    fs,
    future::Future,
    io,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

const VERSION: u32 = 1;

/// Why a recording cannot be opened. The text fits after "cannot …".
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The file cannot be read.
    #[error("read the recording {path}: {error}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// The file is not a recording.
    #[error("read the recording {path}: {error}")]
    Form {
        /// The file.
        path: String,
        /// Where and what.
        error: serde_json::Error,
    },
    /// The file is of a later Belljar.
    #[error("read the recording {path}: it has version {version}, this program reads version {VERSION}")]
    Version {
        /// The file.
        path: String,
        /// What it has.
        version: u32,
    },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tape {
    version: u32,
    #[serde(default)]
    model: String,
    #[serde(default = "yes")]
    tools: bool,
    #[serde(default)]
    images: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prices: Option<Prices>,
    turns: Vec<Spoken>,
}

fn yes() -> bool {
    true
}

/// One reply.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Spoken {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expect: Option<Seen>,
    #[serde(default, skip_serializing_if = "Lines::is_empty")]
    text: Lines,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    calls: Vec<Called>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    broken_calls: Vec<BrokenCall>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stop: Option<Stop>,
    #[serde(default)]
    tokens: Tokens,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Called {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<Lines>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    arguments: Map<String, Value>,
}

/// What a model had read since it spoke last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prompt: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    results: Option<Vec<String>>,
}

/// Text that people can edit: a line, or a list of lines.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Lines {
    One(String),
    Many(Vec<String>),
}

impl Default for Lines {
    fn default() -> Lines {
        Lines::One(String::new())
    }
}

impl Lines {
    fn of(text: &str) -> Lines {
        match text.contains('\n') {
            true => Lines::Many(text.split('\n').map(str::to_owned).collect()),
            false => Lines::One(text.to_owned()),
        }
    }

    fn text(&self) -> String {
        match self {
            Lines::One(line) => line.clone(),
            Lines::Many(lines) => lines.join("\n"),
        }
    }

    fn is_empty(&self) -> bool {
        self.text().is_empty()
    }
}

impl Seen {
    fn of(conversation: &Conversation) -> Seen {
        let mut seen = Seen { prompt: None, results: None };
        let new =
            conversation.messages.iter().rev().take_while(|message| !matches!(message, Message::Model(_)));
        for message in new.collect::<Vec<_>>().into_iter().rev() {
            match message {
                Message::User(parts) => match (view::summary(parts), parts.first()) {
                    (Some(summary), _) => seen.results.get_or_insert_default().push(summary.to_owned()),
                    (None, Some(super::Part::Text(text))) => seen.prompt = Some(text.clone()),
                    (None, _) => {}
                },
                Message::Results(results) => {
                    let summaries =
                        results.iter().map(|result| view::summary(&result.content).unwrap_or("?").to_owned());
                    seen.results.get_or_insert_default().extend(summaries);
                }
                Message::Model(_) => {}
            }
        }
        seen
    }

    /// Where the other differs, in words.
    fn differs(&self, got: &Seen) -> Option<String> {
        if let Some(expected) = &self.prompt
            && got.prompt.as_ref() != Some(expected)
        {
            let got = got.prompt.as_ref().map_or("no question".to_owned(), |got| format!("{got:?}"));
            return Some(format!("expected the question {expected:?}, got {got}"));
        }
        let expected = self.results.as_ref()?;
        let got = got.results.as_deref().unwrap_or_default();
        let at = (0..expected.len().max(got.len())).find(|&at| expected.get(at) != got.get(at))?;
        let word = |results: &[String]| results.get(at).cloned().unwrap_or_else(|| "no such call".to_owned());
        Some(format!("expected call {} to end as {}, got {}", at + 1, word(expected), word(got)))
    }
}

/// A model that says again what was recorded.
#[derive(Debug)]
pub struct Recording {
    path: String,
    name: String,
    traits: Traits,
    turns: Vec<Spoken>,
    next: Mutex<usize>,
}

impl Recording {
    /// Reads a recording.
    ///
    /// # Errors
    /// When the file cannot be read or is not a recording of this version.
    pub fn open(path: &Path) -> Result<Recording, RecordingError> {
        let shown = path.display().to_string();
        let text =
            fs::read_to_string(path).map_err(|error| RecordingError::Read { path: shown.clone(), error })?;
        let tape: Tape = serde_json::from_str(&text)
            .map_err(|error| RecordingError::Form { path: shown.clone(), error })?;
        if tape.version != VERSION {
            return Err(RecordingError::Version { path: shown, version: tape.version });
        }
        let traits = Traits { tools: tape.tools, images: tape.images, prices: tape.prices };
        let (name, next) = (format!("recording:{shown}"), Mutex::default());
        Ok(Recording { path: shown, name, traits, turns: tape.turns, next })
    }

    /// The next turn, where it fits to what was seen.
    fn turn(&self, conversation: &Conversation) -> Result<(usize, &Spoken), Failure> {
        let mut next = lock(&self.next);
        let at = *next;
        let differs = |what: String| Failure {
            hint: Some(
                "ask what was recorded, with the same files and template, or record it again".to_owned(),
            ),
            ..scripted::failure(
                FailureKind::Differs,
                &format!("replay {} at turn {}: {what}", self.path, at + 1),
            )
        };
        let Some(turn) = self.turns.get(at) else {
            return Err(differs(format!("the recording ends with turn {}", self.turns.len())));
        };
        let seen = Seen::of(conversation);
        if let Some(what) = turn.expect.as_ref().and_then(|expected| expected.differs(&seen)) {
            return Err(differs(what));
        }
        *next += 1;
        Ok((at, turn))
    }
}

impl Model for Recording {
    fn name(&self) -> &str {
        &self.name
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
            let (at, turn) = self.turn(conversation)?;
            let reply = turn.reply(at);
            scripted::pieces(&reply.text).for_each(heard);
            Ok(reply)
        })
    }
}

impl Spoken {
    fn of(conversation: &Conversation, reply: &Reply) -> Spoken {
        let call = |call: &Call| {
            let mut arguments = call.arguments.as_object().cloned().unwrap_or_default();
            let code = arguments.get("code").and_then(Value::as_str).map(Lines::of);
            if code.is_some() {
                arguments.shift_remove("code");
            }
            Called { name: call.name.clone(), code, arguments }
        };
        Spoken {
            expect: Some(Seen::of(conversation)),
            text: Lines::of(&reply.text),
            calls: reply.calls.iter().map(call).collect(),
            broken_calls: reply.broken_calls.clone(),
            stop: Some(reply.stop.clone()),
            tokens: reply.tokens,
        }
    }

    fn reply(&self, at: usize) -> Reply {
        let call = |(nth, called): (usize, &Called)| {
            let mut arguments = called.arguments.clone();
            if let Some(code) = &called.code {
                arguments.insert("code".to_owned(), Value::String(code.text()));
            }
            let id = format!("call_{}_{}", at + 1, nth + 1);
            Call { id, name: called.name.clone(), arguments: Value::Object(arguments) }
        };
        let usual = if self.calls.is_empty() { Stop::EndTurn } else { Stop::ToolUse };
        Reply {
            raw: Value::Null,
            text: self.text.text(),
            calls: self.calls.iter().enumerate().map(call).collect(),
            broken_calls: self.broken_calls.clone(),
            stop: self.stop.clone().unwrap_or(usual),
            tokens: self.tokens,
            request_id: None,
            retries: 0,
        }
    }
}

/// A model whose replies are written into a recording, each as soon as it came. Keys and headers are never seen here.
pub struct Recorder {
    inner: Arc<dyn Model>,
    path: PathBuf,
    tape: Mutex<Tape>,
}

impl Recorder {
    /// Records what `inner` says. A file that is there is replaced by the first reply.
    ///
    /// # Errors
    /// When the file could not be written later.
    pub fn wrap(inner: Arc<dyn Model>, path: impl Into<PathBuf>) -> io::Result<Recorder> {
        let path = path.into();
        fs::write(draft(&path), "").and_then(|()| fs::remove_file(draft(&path)))?;
        let Traits { tools, images, prices } = inner.traits().clone();
        let (model, turns) = (inner.name().to_owned(), Vec::new());
        let tape = Tape { version: VERSION, model, tools, images, prices, turns };
        Ok(Recorder { inner, path, tape: Mutex::new(tape) })
    }

    fn write(&self, spoken: Spoken) -> io::Result<()> {
        let mut tape = lock(&self.tape);
        tape.turns.push(spoken);
        let mut text = serde_json::to_string_pretty(&*tape)?;
        text.push('\n');
        // Whoever reads it meanwhile sees a whole recording.
        fs::write(draft(&self.path), text)?;
        fs::rename(draft(&self.path), &self.path)
    }
}

fn draft(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    path.with_file_name(name)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Model for Recorder {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn traits(&self) -> &Traits {
        self.inner.traits()
    }

    fn reply<'a>(
        &'a self,
        conversation: &'a Conversation,
        bounds: &'a Bounds,
        heard: &'a mut (dyn FnMut(Heard) + Send),
    ) -> Pin<Box<dyn Future<Output = Result<Reply, Failure>> + Send + 'a>> {
        Box::pin(async move {
            let reply = self.inner.reply(conversation, bounds, heard).await?;
            let written = self.write(Spoken::of(conversation, &reply));
            written.map_err(|error| {
                let message = format!("write the recording {}: {error}", self.path.display());
                let request_id = reply.request_id.clone();
                let (retries, tokens) = (reply.retries, reply.tokens);
                let failed = scripted::failure(FailureKind::NotRecorded, &message);
                Failure { request_id, retries, tokens, ..failed }
            })?;
            Ok(reply)
        })
    }
}
