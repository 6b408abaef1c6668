//! Questions to a model: each takes its turn like an execution, its code runs in a sandbox that is kept for its caller,
//! and a later question can go on where it ended.
//!
//! What becomes of a question is a task's business: whoever stops listening cancels it, and it is still settled.

use crate::{Desk, DeskError, File, Kind, Lease, NewSandbox, Turn, Visitor};
use agent::{Answering, AskLimits, Chat, MakeSandbox, Mode, NoSandbox, Setup, model::Model};
use interpreter::{Caller, Sandbox, SandboxRequest};
use policy::Policy;
use protocol::{AgentEvent, Answer, AnswerId, Limits, SandboxId};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

/// How long a conversation can be gone on with, and how many of them.
const KEPT_FOR: Duration = Duration::from_secs(1800);
const KEPT_MAX: usize = 256;
const PROMPT_BYTES_MAX: usize = 1 << 20;

/// A question, and what its answer may use.
pub struct Question {
    /// What is asked.
    pub prompt: String,
    /// What the answer may cost.
    pub limits: AskLimits,
    /// Whether its sandbox is kept when no file was made in it.
    pub keep: bool,
    /// Where it is asked.
    pub talk: Talk,
}

/// Where a question belongs.
pub enum Talk {
    /// After this answer.
    Continued(AnswerId),
    /// To a model that knows nothing yet.
    New(Box<NewTalk>),
}

/// What a conversation is held with.
pub struct NewTalk {
    /// Writes the code.
    pub model: Arc<dyn Model>,
    /// How it asks for code to be run; what it can where there is none.
    pub mode: Option<Mode>,
    /// A sandbox of the caller's that its code runs in.
    pub sandbox: Option<SandboxId>,
    /// What a sandbox is that is made for it.
    pub room: SandboxRequest,
    /// Files that are in the sandbox.
    pub files: Vec<File>,
    /// What code may do; the desk's where there is none.
    pub policy: Option<Arc<Policy>>,
    /// What is installed: names and versions.
    pub libraries: Vec<(String, String)>,
}

/// Conversations that can be gone on with, by the answer that was their last.
#[derive(Default)]
pub(crate) struct Talks {
    kept: Mutex<HashMap<AnswerId, Held>>,
    now: watch::Sender<Now>,
}

/// What goes on.
#[derive(Default)]
struct Now {
    asking: usize,
    cancelled: bool,
}

/// A conversation between two questions.
struct Held {
    caller: Caller,
    since: Instant,
    chat: Chat,
    place: Arc<Room>,
}

/// Where the code of a conversation runs.
struct Room {
    request: SandboxRequest,
    files: Vec<File>,
    /// The caller's own sandbox, which is not ours to delete.
    given: Option<SandboxId>,
    /// Held while a question is answered.
    lease: Mutex<Option<Lease>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Talks {
    fn take(&self, caller: &Caller, last: &AnswerId) -> Option<Held> {
        let mut kept = lock(&self.kept);
        kept.get(last).filter(|held| held.caller == *caller)?;
        kept.remove(last)
    }

    fn keep(&self, last: AnswerId, held: Held) {
        let mut kept = lock(&self.kept);
        if kept.len() >= KEPT_MAX
            && let Some(oldest) = kept.iter().min_by_key(|(_, held)| held.since).map(|(id, _)| id.clone())
        {
            kept.remove(&oldest);
        }
        kept.insert(last, held);
    }

    pub fn forget_old(&self) {
        lock(&self.kept).retain(|_, held| held.since.elapsed() < KEPT_FOR);
    }

    /// Ends what is being answered, and forgets everything.
    pub fn cancel_all(&self) {
        self.now.send_modify(|now| now.cancelled = true);
        lock(&self.kept).clear();
    }

    /// Waits until nothing is being answered.
    pub async fn all_answered(&self) {
        let _ = self.now.subscribe().wait_for(|now| now.asking == 0).await;
    }
}

/// What happens while a question is answered. Dropping it cancels the answer.
pub struct Asked {
    events: mpsc::UnboundedReceiver<AgentEvent>,
}

impl Asked {
    /// The next event; the last is the answer.
    pub async fn next(&mut self) -> Option<AgentEvent> {
        self.events.recv().await
    }

    /// The answer; passes over everything before it. `None` where the server ends first.
    pub async fn answer(mut self) -> Option<Answer> {
        while let Some(event) = self.next().await {
            if let AgentEvent::Answer { answer } = event {
                return Some(*answer);
            }
        }
        None
    }
}

/// A question that is being answered.
struct Asking {
    held: Held,
    keep: bool,
    turn: Turn,
}

impl Desk {
    /// Puts a question when it is its turn.
    ///
    /// # Errors
    /// When there is no such conversation or sandbox, the question is empty, or it is not its turn for too long.
    pub async fn ask(&self, visitor: &Visitor, question: Question) -> Result<Asked, DeskError> {
        let Question { prompt, limits, keep, talk } = question;
        if prompt.trim().is_empty() || prompt.len() > PROMPT_BYTES_MAX {
            let why = "a question has 1 byte or more, and 1 MiB at most".to_owned();
            return Err(DeskError::Request { what: "this prompt".to_owned(), why });
        }
        // The memory of a sandbox is taken when there is one.
        let limits_of = match &talk {
            Talk::New(new) => new.room.limits.clone(),
            Talk::Continued(_) => Limits::default(),
        };
        let turn = self.turn_beside(visitor, &limits_of).await?;
        let continued = matches!(talk, Talk::Continued(_));
        let held = match talk {
            Talk::New(new) => self.begin_talk(visitor, *new).await?,
            Talk::Continued(last) => {
                let found = self.talks().take(visitor.caller(), &last);
                found.ok_or_else(|| DeskError::NotFound {
                    what: format!("a conversation that ends with {last}"),
                })?
            }
        };
        if let Some(sandbox) = held.chat.sandbox().await {
            *lock(&held.place.lease) = self.sandbox(visitor, sandbox.id()).ok();
        }
        let answering = held.chat.ask(prompt, limits);
        let asking = Asking { held, keep: keep || continued, turn };
        let (sender, events) = mpsc::unbounded_channel();
        let desk = self.clone();
        self.talks().now.send_modify(|now| now.asking += 1);
        tokio::spawn(async move {
            asking.follow(&desk, answering, sender).await;
            desk.talks().now.send_modify(|now| now.asking -= 1);
        });
        Ok(Asked { events })
    }

    async fn begin_talk(&self, visitor: &Visitor, new: NewTalk) -> Result<Held, DeskError> {
        let NewTalk { model, mode, sandbox, room, files, policy, libraries } = new;
        if let Some(id) = &sandbox {
            File::write_all(self.sandbox(visitor, id)?.sandbox(), &files).await?;
        }
        let named = files.iter().map(|file| (file.path.clone(), file.bytes.len() as u64)).collect();
        let place = Room { request: room.clone(), files, given: sandbox, lease: Mutex::default() };
        let place = Arc::new(place);
        let chat = Chat::new(Setup {
            interpreter: self.interpreter().clone(),
            caller: visitor.caller().clone(),
            model,
            journal: self.journal().ok().cloned(),
            policy: policy.unwrap_or_else(|| self.settings().policy.clone()),
            system: None,
            mode,
            files: named,
            room,
            sandbox: self.maker(visitor, &place),
            libraries,
            undo_failed: true,
        });
        Ok(Held { caller: visitor.caller().clone(), since: Instant::now(), chat, place })
    }

    /// Hands out the sandbox that the caller gave, as long as it lives; else a new one with the files in it.
    fn maker(&self, visitor: &Visitor, place: &Arc<Room>) -> MakeSandbox {
        let (desk, visitor, place) = (self.clone(), visitor.clone(), place.clone());
        Box::new(move || {
            let (desk, visitor, place) = (desk.clone(), visitor.clone(), place.clone());
            Box::pin(async move { desk.sandbox_of(&visitor, &place).await.map_err(no_sandbox) })
        })
    }

    async fn sandbox_of(&self, visitor: &Visitor, place: &Room) -> Result<Arc<Sandbox>, DeskError> {
        let lease = match &place.given {
            Some(id) => self.sandbox(visitor, id)?,
            None => {
                let (sandbox, ttl, metadata) = (place.request.clone(), None, BTreeMap::new());
                let lease = self.create_sandbox(visitor, NewSandbox { sandbox, ttl, metadata }).await?;
                File::write_all(lease.sandbox(), &place.files).await?;
                lease
            }
        };
        let sandbox = lease.sandbox().clone();
        *lock(&place.lease) = Some(lease);
        Ok(sandbox)
    }
}

fn no_sandbox(error: DeskError) -> NoSandbox {
    let hint = error.hint().map(std::borrow::Cow::into_owned);
    NoSandbox { code: error.code().to_owned(), message: error.to_string(), hint }
}

impl Asking {
    /// Passes on what happens, to the end.
    async fn follow(self, desk: &Desk, mut answering: Answering, events: mpsc::UnboundedSender<AgentEvent>) {
        let mut now = desk.talks().now.subscribe();
        let given_up = async {
            tokio::select! {
                () = events.closed() => {}
                _ = now.wait_for(|now| now.cancelled) => {}
            }
        };
        tokio::pin!(given_up);
        let mut cancelled = false;
        loop {
            let event = tokio::select! {
                event = answering.next() => event,
                () = &mut given_up, if !cancelled => {
                    cancelled = true;
                    answering.cancel();
                    continue;
                }
            };
            match event {
                Some(AgentEvent::Answer { answer }) => {
                    // Settled before it is told: whoever has the answer finds everything as it says.
                    self.settle(desk, &answer).await;
                    let _ = events.send(AgentEvent::Answer { answer });
                    return;
                }
                Some(event) => drop(events.send(event)),
                None => return,
            }
        }
    }

    async fn settle(self, desk: &Desk, answer: &Answer) {
        let metrics = desk.metrics();
        metrics.told(answer);
        for run in &answer.executions {
            metrics.ended(Kind::Code, &run.outcome);
            self.turn.visitor.allowance.use_cpu(run.outcome.usage.cpu_ms);
        }
        let Asking { mut held, keep, turn } = self;
        let lease = lock(&held.place.lease).take();
        let made_files = answer.executions.iter().any(|run| !run.outcome.files.is_empty());
        if let Some(lease) = lease.filter(|_| held.place.given.is_none() && !keep) {
            match made_files {
                // For a while, unless others need the room.
                true => lease.give_way(),
                false => drop(desk.delete_sandbox(&turn.visitor, lease.id()).await),
            }
        }
        held.since = Instant::now();
        if !desk.is_closing() {
            desk.talks().keep(answer.id.clone(), held);
        }
    }
}
