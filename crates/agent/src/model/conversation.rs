//! A conversation as the agent means it. What a model said is kept raw, as its provider sent it, and goes back so.

use protocol::{Stop, Tokens};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Everything that a model reads. The system text and the tools never change within a conversation, so that providers can cache
/// them; messages are only added.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Conversation {
    /// What the model is told about its part.
    pub system: String,
    /// What it may call; none in direct mode.
    pub tools: Vec<Tool>,
    /// What was said, in order.
    pub messages: Vec<Message>,
    /// Longest reply in tokens; the model's own default where there is none.
    pub reply_tokens_max: Option<u32>,
}

/// Something that the model may call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tool {
    /// Its name: letters, digits, underscores.
    pub name: String,
    /// What it does, for the model.
    pub description: String,
    /// JSON Schema of its arguments.
    pub parameters: Value,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(clippy::large_enum_variant, reason = "every second message is a reply")]
pub enum Message {
    /// From the person, or from the agent in the person's place.
    User(Vec<Part>),
    /// From the model.
    Model(Reply),
    /// What became of all calls of the reply before, in the order of the calls.
    Results(Vec<ToolResult>),
}

/// A piece of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Text.
    Text(String),
    /// A picture.
    Image {
        /// `image/png`, `image/jpeg`, `image/gif` or `image/webp`.
        mime: String,
        /// Its bytes in base64.
        base64: String,
    },
}

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolResult {
    /// The call's id.
    pub call: String,
    /// What the model shall read.
    pub content: Vec<Part>,
    /// True where the call failed.
    pub failed: bool,
}

/// What a model said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// What goes back to the provider in later requests: its own items, unchanged and in order.
    pub raw: Value,
    /// The text of it.
    pub text: String,
    /// The calls of it that came completely, in order.
    pub calls: Vec<Call>,
    /// Calls that did not: cut off, or with arguments that are not JSON. They are never carried out.
    pub broken_calls: Vec<BrokenCall>,
    /// Why it ended.
    pub stop: Stop,
    /// Tokens of this reply.
    pub tokens: Tokens,
    /// The provider's id of the request.
    pub request_id: Option<String>,
    /// How often the request was sent again.
    pub retries: u32,
}

/// Something that the model wants done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// Its id; ours where the provider gave none.
    pub id: String,
    /// The tool.
    pub name: String,
    /// The arguments: an object.
    pub arguments: Value,
}

/// A call that cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokenCall {
    /// Its id, if that came.
    pub id: String,
    /// The tool, if that came.
    pub name: String,
    /// What is wrong with it, for the model.
    pub why: String,
}
