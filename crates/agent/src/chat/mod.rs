//! A chat: questions to a model that has a sandbox, one after the other, with everything that it remembers between them.
//!
//! [`Chat::ask`] starts a task that drives the loop and tells what happens; [`Answering`] is its other end. What the loop
//! does is in `ask` and `follow`; what holds it in bounds in `budget`; where code runs in `place`; what the model reads in `view` and
//! `words`. Nothing here prints or reads the environment.

mod ask;
mod attempts;
mod budget;
mod calls;
mod direct;
mod end;
mod follow;
mod place;
mod race;
mod run;
mod undo;
pub mod view;
mod words;

use crate::model::{Conversation, Model};
use interpreter::{Caller, Error, Interpreter, Sandbox, SandboxRequest};
use journal::Journal;
use place::Place;
use policy::Policy;
use protocol::{AgentEvent, Answer, AnswerId};
pub use race::BEST_OF_MAX;
use std::{future::Future, pin::Pin, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

/// Makes the sandbox, with the files that belong into it, when the first code is allowed to run; and again when it is lost.
pub type MakeSandbox =
    Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<Arc<Sandbox>, NoSandbox>> + Send>> + Send + Sync>;

/// Why there is no sandbox. The text fits after "cannot …".
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct NoSandbox {
    /// Stable, for programs.
    pub code: String,
    /// What failed.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

impl From<Error> for NoSandbox {
    fn from(error: Error) -> NoSandbox {
        NoSandbox { code: error.code().to_owned(), message: error.to_string(), hint: error.hint() }
    }
}

/// How the model asks for code to be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It calls a tool, reads the outcome and goes on, until it answers.
    Tools,
    /// It writes one program, whose output is the answer: one turn where the program works, one more for each repair.
    Direct,
}

/// Everything that a chat needs.
pub struct Setup {
    /// Runs the code.
    pub interpreter: Interpreter,
    /// Who asks.
    pub caller: Caller,
    /// Writes the code.
    pub model: Arc<dyn Model>,
    /// Where everything is written down, if anywhere.
    pub journal: Option<Journal>,
    /// What code may do.
    pub policy: Arc<Policy>,
    /// What the model is told besides what the agent tells it.
    pub system: Option<String>,
    /// How code is asked for; what the model can where there is none.
    pub mode: Option<Mode>,
    /// Files that are in `/workspace` from the start: paths below it and bytes.
    pub files: Vec<(String, u64)>,
    /// What a sandbox is; the model is told its limits.
    pub room: SandboxRequest,
    /// Makes it.
    pub sandbox: MakeSandbox,
    /// What is installed in it: names and versions.
    pub libraries: Vec<(String, String)>,
    /// Python code that fails leaves nothing behind: what follows goes on from the state before it, where that can be kept.
    pub undo_failed: bool,
}

impl Setup {
    /// Makes sandboxes as `room` says, with no files in them.
    pub fn empty_sandbox(interpreter: &Interpreter, caller: &Caller, room: &SandboxRequest) -> MakeSandbox {
        let (interpreter, caller, room) = (interpreter.clone(), caller.clone(), room.clone());
        Box::new(move || {
            let (interpreter, caller, room) = (interpreter.clone(), caller.clone(), room.clone());
            Box::pin(async move { Ok(interpreter.create_sandbox(&caller, room).await?) })
        })
    }

    fn mode(&self) -> Mode {
        let able = if self.model.traits().tools { Mode::Tools } else { Mode::Direct };
        self.mode.unwrap_or(able)
    }
}

/// What one answer may cost. All bounds are hard, and each has its own way to end an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct AskLimits {
    /// Replies of the model. In the last one it is told to answer.
    pub turns: u32,
    /// Executions that fail. After so many the model is told to answer without code.
    pub code_attempts: u32,
    /// How often denied code is asked for again. After that the model is told to answer without code.
    pub denied_rounds: u32,
    /// Tokens. No request is sent that would exceed them with what the conversation has already.
    pub tokens: Option<u64>,
    /// Dollars, likewise. They need a model whose prices are known.
    pub cost_usd: Option<f64>,
    /// Wall time of everything.
    pub deadline: Option<Duration>,
    /// Replies that are asked for at once for the first code, [`BEST_OF_MAX`] at most: the first whose code succeeds is gone on
    /// with. All count against the other limits. With more than one, Python contexts have to be such that can be forked.
    pub best_of: u32,
    /// Requests to the model that are sent again, of all turns together.
    pub retries: u32,
}

impl AskLimits {
    /// The default, for so many replies at once: each of them may fail, and as many repairs are left as otherwise.
    pub fn best_of(best_of: u32) -> AskLimits {
        let usual = AskLimits::default();
        AskLimits { code_attempts: usual.code_attempts + best_of.saturating_sub(1), best_of, ..usual }
    }
}

impl Default for AskLimits {
    fn default() -> AskLimits {
        let (tokens, cost_usd, deadline) = Default::default();
        let (turns, code_attempts, denied_rounds, retries, best_of) = (10, 3, 2, 6, 1);
        AskLimits { turns, code_attempts, denied_rounds, tokens, cost_usd, deadline, best_of, retries }
    }
}

/// Questions to one model with one sandbox, which both remember what was before.
pub struct Chat {
    setup: Arc<Setup>,
    memory: Arc<tokio::sync::Mutex<Memory>>,
}

/// What is left of a question for the next one.
#[derive(Default)]
struct Memory {
    conversation: Conversation,
    place: Place,
    last: Option<AnswerId>,
}

impl Chat {
    /// Begins a chat. Nothing is asked and no sandbox is made yet.
    pub fn new(setup: Setup) -> Chat {
        let mode = setup.mode();
        let conversation = Conversation {
            system: words::system(&setup, mode),
            tools: if mode == Mode::Tools { vec![words::tool(&setup)] } else { Vec::new() },
            ..Conversation::default()
        };
        let memory = Memory { conversation, ..Memory::default() };
        Chat { setup: Arc::new(setup), memory: Arc::new(tokio::sync::Mutex::new(memory)) }
    }

    /// Asks. A question waits until the one before it is answered.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn ask(&self, prompt: impl Into<String>, limits: AskLimits) -> Answering {
        let (setup, memory, prompt) = (self.setup.clone(), self.memory.clone(), prompt.into());
        let (sender, events) = mpsc::unbounded_channel();
        let (cancel, cancelled) = watch::channel(false);
        let task = tokio::spawn(async move {
            let mut memory = memory.lock().await;
            ask::Ask::new(&setup, &mut memory, limits, ask::Ends { events: sender, cancelled })
                .answer(prompt)
                .await;
        });
        Answering { events, cancel, task: Some(task), answer: None }
    }

    /// The sandbox, once there is one; waits for the question that is being answered.
    pub async fn sandbox(&self) -> Option<Arc<Sandbox>> {
        self.memory.lock().await.place.sandbox()
    }
}

/// An answer that is being made. Dropping it cancels what is under way.
pub struct Answering {
    events: mpsc::UnboundedReceiver<AgentEvent>,
    cancel: watch::Sender<bool>,
    task: Option<JoinHandle<()>>,
    answer: Option<Answer>,
}

impl Answering {
    /// The next event, in order; the last is `Answer`, after it comes `None`.
    pub async fn next(&mut self) -> Option<AgentEvent> {
        match self.events.recv().await {
            Some(event) => {
                if let AgentEvent::Answer { answer } = &event {
                    self.answer = Some(Answer::clone(answer));
                }
                Some(event)
            }
            None => {
                if let Some(Err(error)) = match self.task.take() {
                    Some(task) => Some(task.await),
                    None => None,
                } && error.is_panic()
                {
                    std::panic::resume_unwind(error.into_panic());
                }
                None
            }
        }
    }

    /// Stops the model and the code. The answer comes soon, with what there is.
    pub fn cancel(&self) {
        self.cancel.send_replace(true);
    }

    /// The answer; passes over events that were not fetched.
    ///
    /// # Panics
    /// Where the runtime ended before the answer did.
    pub async fn answer(mut self) -> Answer {
        while self.answer.is_none() && self.next().await.is_some() {}
        self.answer.expect("every answer ends with an event")
    }
}
