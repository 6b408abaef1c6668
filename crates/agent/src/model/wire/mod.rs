//! The transport that all adapters share: JSON is posted, a JSON reply or a stream of events comes back, and what may
//! be sent again is sent again. What the JSON means is the adapters'.

mod complaint;
mod http;
mod retry;
mod sse;

pub use http::{Endpoint, EndpointError, Key, Request, client};
pub use retry::exchange;
pub use sse::SseEvent;

use super::{FailureKind, Heard, Reply};
use complaint::Complaint;
use protocol::Tokens;
use serde_json::Value;
use std::time::Duration;

/// Takes what is heard of a reply.
pub type Ear<'a> = &'a mut (dyn FnMut(Heard) + Send);

/// What an adapter makes of one attempt's response while it comes.
pub trait Assembly: Send {
    /// Takes one event of a stream.
    ///
    /// # Errors
    /// [`Trouble`] where the event says so, or makes no sense.
    fn event(&mut self, event: &SseEvent, heard: Ear<'_>) -> Result<Progress, Trouble>;

    /// Takes a whole reply, from a server that did not stream. Tells `heard` what a stream would have told.
    ///
    /// # Errors
    /// [`Trouble`] where the reply makes no sense.
    fn whole(&mut self, body: Value, heard: Ear<'_>) -> Result<(), Trouble>;

    /// The reply, once the stream has ended or the whole reply has been taken. The transport fills in `request_id`
    /// and `retries`, and adds the tokens of attempts that broke.
    ///
    /// # Errors
    /// [`Trouble::cut`] where the stream ended before the reply did.
    fn finish(&mut self) -> Result<Reply, Trouble>;

    /// Tokens that the provider has counted so far in this attempt.
    fn tokens(&self) -> Tokens;
}

/// Whether more events are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Yes.
    More,
    /// No: the reply is complete.
    Done,
}

/// Why an attempt brought no reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What kind of failure it is, unless another attempt succeeds.
    pub kind: FailureKind,
    /// What happened, after "cannot get a reply: "; plain and bounded.
    pub message: String,
    /// Sending the same request again may help.
    pub again: bool,
    /// How long the server wants to be left alone.
    pub after: Option<Duration>,
}

impl Trouble {
    /// The stream ended before the reply did.
    pub fn cut(message: impl Into<String>) -> Trouble {
        Trouble { kind: FailureKind::Cut, message: message.into(), again: true, after: None }
    }

    /// What came makes no sense, and would make none next time.
    pub fn malformed(message: impl Into<String>) -> Trouble {
        Trouble { kind: FailureKind::Malformed, message: message.into(), again: false, after: None }
    }

    /// What a server says of its own failure within a stream, or in a whole reply: an object with `error`, or that
    /// error itself.
    pub fn told(body: &Value) -> Trouble {
        let complaint = Complaint::read(body);
        let status = complaint.usual_status();
        complaint.trouble(status, None)
    }
}
