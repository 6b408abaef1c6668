//! What a language model is to the agent: something that replies to a conversation.
//!
//! One file for each way of talking to one. What a conversation means is the agent's; how it looks on a wire is theirs.

mod anthropic;
mod catalog;
mod conversation;
pub(crate) mod direct;
mod ollama;
mod open;
mod openai;
mod recording;
pub mod scripted;
mod settings;
mod spec;
mod wire;

pub use anthropic::Anthropic;
pub use conversation::{BrokenCall, Call, Conversation, Message, Part, Reply, Tool, ToolResult};
pub use open::{Environment, OpenError, choose, open};
pub use recording::{Recorder, Recording, RecordingError};
pub use settings::{Auth, HeaderValue, MaxTokensField, ModelSettings, Provider, Streaming};
pub use spec::{ConfiguredModels, ModelSpec, SpecError};
pub use wire::{EndpointError, Key};

use protocol::Stop;
use std::{
    future::Future,
    pin::Pin,
    sync::atomic::{AtomicU32, Ordering},
    time::Instant,
};

/// A model: replies to conversations. Dropping the future cancels the request.
pub trait Model: Send + Sync {
    /// `provider:name`, as in `--model`.
    fn name(&self) -> &str;

    /// What it can do and what it costs.
    fn traits(&self) -> &Traits;

    /// Replies; what it says on the way goes to `heard`.
    ///
    /// Sends a request again, within `bounds`, only while nothing of the reply's content was heard, or after telling
    /// so with [`Heard::Retry`].
    ///
    /// # Errors
    /// See [`Failure`]. A refusal, a cut by length and a pause are replies, not errors.
    fn reply<'a>(
        &'a self,
        conversation: &'a Conversation,
        bounds: &'a Bounds,
        heard: &'a mut (dyn FnMut(Heard) + Send),
    ) -> Pin<Box<dyn Future<Output = Result<Reply, Failure>> + Send + 'a>>;
}

/// What a model can do, and its prices.
#[derive(Debug, Clone, PartialEq)]
pub struct Traits {
    /// It calls tools. Without them the agent asks for bare code.
    pub tools: bool,
    /// It reads pictures.
    pub images: bool,
    /// Dollars; `None` where they are not known.
    pub prices: Option<Prices>,
}

/// Dollars for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// Read.
    pub input: f64,
    /// Written.
    pub output: f64,
    /// Read from the provider's cache.
    pub cache_read: f64,
    /// Written to the provider's cache.
    pub cache_write: f64,
}

/// What all requests of one answer share.
#[derive(Debug)]
pub struct Bounds {
    /// No request is sent, waited for or sent again after this.
    pub deadline: Option<Instant>,
    /// Requests that may still be sent again.
    retries: AtomicU32,
}

impl Bounds {
    /// With so many retries for all requests together.
    pub fn new(deadline: Option<Instant>, retries: u32) -> Bounds {
        Bounds { deadline, retries: AtomicU32::new(retries) }
    }

    /// Takes one retry; false where none is left.
    pub fn take_retry(&self) -> bool {
        let taken = self.retries.try_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        taken.is_ok()
    }
}

/// What is heard of a reply while it comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// More text.
    Text(String),
    /// More of what the model thinks.
    Thinking(String),
    /// The request is sent again after so many milliseconds; whatever was heard of this reply is void.
    Retry {
        /// Milliseconds until then.
        after_ms: u64,
        /// Why.
        why: String,
    },
}

/// A reply that did not come.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What kind.
    pub kind: FailureKind,
    /// What failed, after "cannot …"; no key, no header.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// The provider's id of the last request.
    pub request_id: Option<String>,
    /// How often the request was sent again.
    pub retries: u32,
    /// Tokens that the provider counted all the same.
    pub tokens: protocol::Tokens,
}

/// Kinds of [`Failure`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The key is missing, wrong, or may not use this model.
    Auth,
    /// Too many requests, also after retries.
    RateLimited,
    /// The account's money is used up: waiting does not help.
    SpendLimit,
    /// The provider is overloaded or broken, also after retries.
    Overloaded,
    /// The provider says that the request is wrong.
    Rejected,
    /// The model is not there.
    NotFound,
    /// No connection.
    Unreachable,
    /// The stream ended before the reply did.
    Cut,
    /// What came makes no sense.
    Malformed,
    /// Nothing came for too long, or the deadline has passed.
    Timeout,
    /// A recording has no reply for what happened now.
    Differs,
    /// The reply came but could not be written into the recording.
    NotRecorded,
}

impl FailureKind {
    /// The stable code of errors: `model_auth`, ….
    pub fn code(self) -> &'static str {
        match self {
            FailureKind::Auth => "model_auth",
            FailureKind::RateLimited => "model_rate_limited",
            FailureKind::SpendLimit => "model_spend_limit",
            FailureKind::Overloaded => "model_overloaded",
            FailureKind::Rejected => "model_rejected",
            FailureKind::NotFound => "model_not_found",
            FailureKind::Unreachable => "model_unreachable",
            FailureKind::Cut => "model_cut",
            FailureKind::Malformed => "model_malformed",
            FailureKind::Timeout => "model_timeout",
            FailureKind::Differs => "recording_differs",
            FailureKind::NotRecorded => "recording_not_written",
        }
    }
}

/// True where a reply is over: its calls, if any, may be carried out.
pub fn is_complete(stop: &Stop) -> bool {
    matches!(stop, Stop::EndTurn | Stop::ToolUse | Stop::Other(_))
}
