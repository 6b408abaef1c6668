//! Best of several: the model is asked for the first code of a question more than once, at the same time and from the same
//! conversation. Each reply's code runs in a fork of the Python context; the first that succeeds is gone on with, the
//! others end. Where none succeeds, the first reply goes on into the repair loop.
//!
//! Only the first reply of a question is raced for: later ones repair or continue what is there. Only Python code counts,
//! for nothing else can be forked: a reply with other code, or without any, is gone on with only where no code has
//! succeeded and it is the first. All replies that came count against tokens and cost, all code that failed against the
//! attempts, and what was tried is in the answer's executions: before those of the kept reply, under calls with a number.

use super::{
    Mode, NoSandbox, Setup,
    ask::Ask,
    calls::{self, Wanted},
    end::Ended,
    run::Ran,
    words,
};
use crate::model::{self, Bounds, Conversation, Failure, Reply};
use interpreter::{Context, ExecuteRequest, ForkRequest, Place};
use protocol::{AgentEvent, CodeRun, Event, Language, Outcome, Status, Tokens};
use std::{collections::VecDeque, future::Future, pin::Pin, sync::Arc, task::Poll, time::Duration};
use tokio::sync::watch;

/// Replies that are asked for at once, at most.
pub const BEST_OF_MAX: u32 = 8;

/// Code that has lost has so long to end by itself.
const GRACE: Duration = Duration::from_millis(200);

/// Where a race begins.
pub(super) struct Start {
    context: Arc<Context>,
    /// What the model has to know about it.
    note: Option<&'static str>,
}

/// Code that ran in a fork already.
pub(super) struct Prepared {
    wanted: Wanted,
    events: Vec<Event>,
    outcome: Outcome,
    notes: Vec<&'static str>,
}

/// One of the runners, at its end.
struct Tried {
    /// Counts from 1.
    number: u32,
    /// Nothing where the race was over before.
    reply: Option<Result<Reply, Failure>>,
    context: Arc<Context>,
    runs: Vec<Prepared>,
    /// There was code, and all of it succeeded.
    succeeded: bool,
}

/// What all runners share.
struct Track<'a> {
    setup: &'a Setup,
    conversation: &'a Conversation,
    bounds: &'a Bounds,
    timeout_ms: u64,
    over: watch::Receiver<bool>,
}

impl Ask<'_> {
    /// Makes ready for a race, where one was asked for.
    ///
    /// # Errors
    /// When Python contexts cannot be forked here.
    pub(super) async fn line_up(&mut self) -> Result<Option<Start>, Ended> {
        if self.budget.limits.best_of <= 1 {
            return Ok(None);
        }
        let ended = self.ended();
        let ready = async {
            let (context, note) = self.memory.place.python(self.setup).await?;
            // Whether it can be forked shows only when it is.
            context.save().await?;
            Ok::<_, NoSandbox>(Start { context, note })
        };
        let ready = tokio::select! {
            biased;
            ended = ended => return Err(ended),
            ready = ready => ready,
        };
        ready.map(Some).map_err(|why| {
            let message =
                format!("ask for the best of {}: cannot {}", self.budget.limits.best_of, why.message);
            let hint = why.hint.map_or_else(String::new, |hint| format!("{hint}; or "));
            Ended::sandbox(NoSandbox { code: why.code, message, hint: Some(hint + "ask for one reply only") })
        })
    }

    /// Asks for replies and tries them. Gives back the one to go on with, what ran of it being prepared, and the tokens of the
    /// others.
    pub(super) async fn race(&mut self, start: Start) -> Result<(Reply, Tokens), Ended> {
        let count = self.budget.limits.best_of.min(BEST_OF_MAX) as usize;
        let forked = start.context.fork(ForkRequest { count, same_random: true }).await;
        let forks = forked.map_err(|error| Ended::sandbox(error.into()))?.contexts;
        let (mut tried, ended) = self.run_all(forks).await;
        let best = tried.iter().position(|one| one.succeeded).or_else(|| tried.iter().position(Tried::came));
        let kept = ended.is_none().then(|| tried.remove(best.unwrap_or_default()));
        let extra = tried.into_iter().fold(Tokens::default(), |mut sum, other| {
            sum += self.lost(other);
            sum
        });
        self.budget.count(extra);
        let Some(Tried { reply: Some(reply), context, mut runs, succeeded, .. }) = kept else {
            return Err(ended.unwrap_or_else(Ended::cancelled));
        };
        let reply = reply.map_err(|failure| self.failed(failure))?;
        if !runs.is_empty() && (succeeded || !self.setup.undo_failed) {
            self.memory.place.adopt(&start.context, context).await;
        } else if start.context.is_alive() {
            let ran = runs.iter_mut().filter(|run| run.outcome.status != Status::Denied);
            ran.for_each(|run| run.notes.push(words::UNDONE));
        }
        match runs.first_mut() {
            Some(first) => first.notes.splice(0..0, start.note).for_each(drop),
            None => self.count_failures(),
        }
        self.prepared = runs.into();
        if !reply.text.is_empty() {
            self.tell(AgentEvent::Text { turn: self.turn(), text: reply.text.clone() });
        }
        Ok((reply, extra))
    }

    /// Lets all run until one succeeds, or the answer has to end; what they came to, in the order of their numbers.
    async fn run_all(&mut self, forks: Vec<Arc<Context>>) -> (Vec<Tried>, Option<Ended>) {
        let (stop, over) = watch::channel(false);
        let longest = self.setup.room.limits.timeout_ms;
        let track = Track {
            setup: self.setup,
            conversation: &self.memory.conversation,
            bounds: &self.bounds,
            timeout_ms: self.budget.left_ms().map_or(longest, |left| longest.min(left)),
            over,
        };
        let runners = (1..).zip(forks).map(|(number, fork)| track.run(number, fork));
        let mut runners: Vec<Running<'_>> = runners.map(|run| Box::pin(run) as Running<'_>).collect();
        let (mut tried, mut ended) = (Vec::new(), None);
        let must_end = self.ended();
        tokio::pin!(must_end);
        while !runners.is_empty() {
            tokio::select! {
                one = first(&mut runners) => {
                    if one.succeeded {
                        stop.send_replace(true);
                    }
                    tried.push(one);
                }
                why = &mut must_end, if ended.is_none() => {
                    stop.send_replace(true);
                    ended = Some(why);
                }
            }
        }
        // The first that succeeded comes before others that did so before they heard of it.
        let winner = tried.iter().find(|one| one.succeeded).map(|one| one.number);
        tried.iter_mut().for_each(|one| one.succeeded &= winner == Some(one.number));
        tried.sort_by_key(|one| one.number);
        (tried, ended)
    }

    /// Tells and keeps what another one than the kept one has done; gives back the tokens of its reply.
    fn lost(&mut self, other: Tried) -> Tokens {
        for run in other.runs {
            let call = format!("{}:code", other.number);
            let uncounted = matches!(run.outcome.status, Status::Ok | Status::Denied | Status::Cancelled);
            self.failures_beside += u32::from(!uncounted);
            self.keep_run(&call, run);
        }
        match other.reply {
            Some(Ok(reply)) => reply.tokens,
            Some(Err(failure)) => failure.tokens,
            None => Tokens::default(),
        }
    }

    /// What has run of the kept reply, as if it ran now.
    pub(super) fn ran_before(&mut self, call: &str, prepared: Prepared) -> Ran {
        self.tell_events(call, prepared.events);
        let mut notes = prepared.notes;
        // Not before: what has run already is not refused.
        if self.prepared.is_empty() {
            self.count_failures();
            notes.extend(self.attempts.is_over().then_some(words::NO_MORE_CODE));
        }
        Ran { outcome: prepared.outcome, notes, ended: None }
    }

    /// Counts the failures of the other runners.
    fn count_failures(&mut self) {
        for _ in 0..std::mem::take(&mut self.failures_beside) {
            self.attempts.fails();
        }
    }

    /// Keeps what has run of a reply that was not carried out after all.
    pub(super) fn keep_rest(&mut self) {
        for rest in std::mem::take(&mut self.prepared) {
            self.keep_run("1:code", rest);
        }
    }

    /// Tells of code that ran, and keeps it in the answer.
    fn keep_run(&mut self, call: &str, run: Prepared) {
        let (turn, attempt, Wanted { code, language, .. }) = (self.turn(), self.attempt(), run.wanted);
        let named = call.to_owned();
        self.tell(AgentEvent::Code { turn, call: named.clone(), attempt, language, code: code.clone() });
        let verdict = policy::check(&self.setup.policy, language, &code);
        self.tell(AgentEvent::Verdict {
            call: named.clone(),
            denied: verdict.denied,
            findings: verdict.findings,
        });
        self.tell_events(call, run.events);
        self.answer.code_attempts += u32::from(run.outcome.sandbox.is_some());
        self.answer.executions.push(CodeRun { call: named, attempt, language, code, outcome: run.outcome });
    }

    fn tell_events(&self, call: &str, events: Vec<Event>) {
        for event in events {
            self.tell(AgentEvent::Execution { call: call.to_owned(), event });
        }
    }
}

impl Tried {
    /// Whether there is a reply.
    fn came(&self) -> bool {
        matches!(self.reply, Some(Ok(_)))
    }
}

type Running<'a> = Pin<Box<dyn Future<Output = Tried> + Send + 'a>>;

/// Waits for the first that ends, and takes it out.
async fn first(runners: &mut Vec<Running<'_>>) -> Tried {
    std::future::poll_fn(|polled| {
        for at in 0..runners.len() {
            if let Poll::Ready(tried) = runners[at].as_mut().poll(polled) {
                drop(runners.swap_remove(at));
                return Poll::Ready(tried);
            }
        }
        Poll::Pending
    })
    .await
}

impl Track<'_> {
    async fn run(&self, number: u32, context: Arc<Context>) -> Tried {
        let mut over = self.over.clone();
        let mut nobody = |_| {};
        let reply = self.setup.model.reply(self.conversation, self.bounds, &mut nobody);
        let reply = tokio::select! {
            biased;
            reply = reply => Some(reply),
            _ = over.wait_for(|over| *over) => None,
        };
        let mut tried = Tried { number, reply, context, runs: Vec::new(), succeeded: false };
        let Some(Ok(reply)) = &tried.reply else { return tried };
        let all = python(self.setup, reply);
        let count = all.len();
        for wanted in all {
            match self.execute(wanted, &tried.context).await {
                Some(run) => tried.runs.push(run),
                None => break,
            }
        }
        let fine = tried.runs.iter().filter(|run| run.outcome.status == Status::Ok).count();
        tried.succeeded = count > 0 && fine == count;
        tried
    }

    /// Runs code to its end, or until the race is over; `None` where it could not begin.
    async fn execute(&self, wanted: Wanted, context: &Arc<Context>) -> Option<Prepared> {
        let timeout_ms = wanted.timeout_ms.unwrap_or(self.timeout_ms).min(self.timeout_ms).max(1);
        let request = ExecuteRequest {
            timeout_ms: Some(timeout_ms),
            policy: Some(self.setup.policy.clone()),
            ..ExecuteRequest::new(wanted.code.as_str(), Language::Python, Place::Context(context.clone()))
        };
        let mut over = self.over.clone();
        if *over.borrow_and_update() {
            return None;
        }
        let mut execution = self.setup.interpreter.execute(&self.setup.caller, request).await.ok()?;
        let mut events = Vec::new();
        let lost = async {
            let _ = over.wait_for(|over| *over).await;
        };
        tokio::pin!(lost);
        let mut stopped = None;
        loop {
            tokio::select! {
                event = execution.next() => match event {
                    Some(event) => events.push(event),
                    None => break,
                },
                () = &mut lost, if stopped.is_none() => {
                    execution.interrupt();
                    stopped = Some(tokio::time::Instant::now() + GRACE);
                }
                () = until(stopped), if stopped.is_some() => {
                    context.kill();
                    stopped = Some(tokio::time::Instant::now() + Duration::from_secs(3600));
                }
            }
        }
        let outcome = execution.outcome().await;
        Some(Prepared { wanted, events, outcome, notes: Vec::new() })
    }
}

async fn until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// The code of a reply, where all of it is Python that can run now.
fn python(setup: &Setup, reply: &Reply) -> Vec<Wanted> {
    if !model::is_complete(&reply.stop) || !reply.broken_calls.is_empty() {
        return Vec::new();
    }
    let all: Result<Vec<Wanted>, _> = match reply.calls.is_empty() && setup.mode() == Mode::Direct {
        true => Ok(model::direct::code(&reply.text)
            .map(|(language, code)| Wanted { code, language: language.unwrap_or_default(), timeout_ms: None })
            .into_iter()
            .collect()),
        false => reply.calls.iter().map(calls::read).collect(),
    };
    all.ok().filter(|all| all.iter().all(|one| one.language == Language::Python)).unwrap_or_default()
}

/// Takes what is prepared for this code.
pub(super) fn take(prepared: &mut VecDeque<Prepared>, code: &str) -> Option<Prepared> {
    let fits = prepared.front().is_some_and(|prepared| prepared.wanted.code == code);
    if fits { prepared.pop_front() } else { None }
}
