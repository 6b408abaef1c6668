//! The loop: the model replies, what follows is done (`follow`), it replies again, until it answers or a bound is reached.
//!
//! Whatever happens is told as events and written into the journal here.

use super::{
    AskLimits, Memory, Mode, Setup, attempts::Attempts, budget::Budget, end::Ended, follow::Next,
    race::Prepared, words,
};
use crate::model::{Bounds, Failure, FailureKind, Heard, Message, Part, Reply};
use journal::{Begin, JournalError};
use protocol::{AgentEvent, Answer, AnswerId, AnswerStatus, Tokens, Turn};
use std::{collections::VecDeque, time::Instant};
use tokio::sync::{mpsc, watch};

/// How an asked question talks to whoever asked.
pub(super) struct Ends {
    pub events: mpsc::UnboundedSender<AgentEvent>,
    pub cancelled: watch::Receiver<bool>,
}

/// A question that is being answered.
pub(super) struct Ask<'a> {
    pub setup: &'a Setup,
    pub memory: &'a mut Memory,
    pub budget: Budget,
    pub answer: Answer,
    pub cancelled: watch::Receiver<bool>,
    events: mpsc::UnboundedSender<AgentEvent>,
    pub bounds: Bounds,
    pub attempts: Attempts,
    /// What has run of a reply already.
    pub prepared: VecDeque<Prepared>,
    /// Failures of code beside it that are not counted yet.
    pub failures_beside: u32,
    /// Text of replies that were paused.
    pub paused: String,
    /// A reply was empty.
    pub empty: bool,
    /// The longest reply was raised.
    pub raised: bool,
    /// The model was told that a turn is its last.
    pub told_last: bool,
    warned: bool,
}

impl<'a> Ask<'a> {
    pub fn new(setup: &'a Setup, memory: &'a mut Memory, limits: AskLimits, ends: Ends) -> Ask<'a> {
        let traits = setup.model.traits();
        let attempts = Attempts::new(limits.code_attempts, limits.denied_rounds);
        let retries = limits.retries;
        let budget = Budget::new(limits, traits.prices);
        let bounds = Bounds::new(budget.deadline, retries);
        let answer = Answer {
            id: AnswerId::from_bits(interpreter::random_bits()),
            prompt: String::new(),
            model: setup.model.name().to_owned(),
            status: AnswerStatus::Ok,
            answer: String::new(),
            error: None,
            turns: Vec::new(),
            code_attempts: 0,
            usage: Tokens::default(),
            cost_usd: None,
            wall_ms: 0.0,
            executions: Vec::new(),
        };
        let Ends { events, cancelled } = ends;
        let (paused, empty, raised, told_last, warned) = Default::default();
        Ask {
            setup,
            memory,
            budget,
            answer,
            cancelled,
            events,
            bounds,
            attempts,
            prepared: VecDeque::new(),
            failures_beside: 0,
            paused,
            empty,
            raised,
            told_last,
            warned,
        }
    }

    /// Answers, and tells so.
    pub async fn answer(mut self, prompt: String) {
        self.answer.prompt = prompt.clone();
        let (id, model) = (self.answer.id.clone(), self.answer.model.clone());
        self.tell(AgentEvent::Started { id, model, prompt: prompt.clone() });
        self.write_begin().await;
        let mark = self.memory.conversation.messages.len();
        self.memory.conversation.reply_tokens_max = None;
        let ended = self.turns(prompt).await;
        match ended {
            Ok(text) => {
                let degraded = self.attempts.is_over() || self.told_last;
                self.answer.status = if degraded { AnswerStatus::Degraded } else { AnswerStatus::Ok };
                self.answer.answer = text;
            }
            Err(ended) => {
                if ended.forget {
                    self.memory.conversation.messages.truncate(mark);
                }
                self.answer.answer = self.said();
                self.answer.status = ended.status;
                self.answer.error = Some(ended.error);
            }
        }
        self.answer.usage = self.budget.used();
        self.answer.cost_usd = self.budget.cost_usd();
        self.answer.wall_ms = self.budget.started.elapsed().as_secs_f64() * 1000.0;
        self.write_end().await;
        self.memory.last = Some(self.answer.id.clone());
        let answer = Box::new(self.answer.clone());
        self.tell(AgentEvent::Answer { answer });
    }

    async fn turns(&mut self, prompt: String) -> Result<String, Ended> {
        self.budget.check(0)?;
        let mut start = self.line_up().await?;
        let mut parts = vec![Part::Text(prompt)];
        if self.setup.mode() == Mode::Tools && self.budget.limits.turns == 1 {
            parts.push(Part::Text(words::LAST_TURN.to_owned()));
        }
        self.memory.conversation.messages.push(Message::User(parts));
        loop {
            self.budget.check(self.answer.turns.len() as u32)?;
            let (begun, ran_before) = (Instant::now(), self.answer.executions.len());
            let (reply, others) = match start.take() {
                Some(start) => self.race(start).await?,
                None => (self.hear().await?, Tokens::default()),
            };
            let model_ms = begun.elapsed().as_secs_f64() * 1000.0;
            self.budget.count(reply.tokens);
            let mut tokens = reply.tokens;
            tokens += others;
            let turn = Turn {
                turn: self.turn(),
                text: reply.text.clone(),
                stop: reply.stop.clone(),
                tokens,
                model_ms,
                retries: reply.retries,
                request_id: reply.request_id.clone(),
                executions: Vec::new(),
            };
            let next = self.follow(reply).await;
            self.keep_rest();
            self.close(turn, ran_before).await;
            if let Next::Answer(text) = next? {
                return Ok(text);
            }
        }
    }

    /// The turn that goes on now, from 1.
    pub(super) fn turn(&self) -> u32 {
        self.answer.turns.len() as u32 + 1
    }

    /// Hears a reply.
    async fn hear(&mut self) -> Result<Reply, Ended> {
        let (turn, events) = (self.turn(), self.events.clone());
        let mut shown = false;
        let mut heard = move |heard: Heard| {
            let event = match heard {
                Heard::Text(text) => {
                    shown = true;
                    AgentEvent::Text { turn, text }
                }
                Heard::Thinking(text) => AgentEvent::Thinking { turn, text },
                Heard::Retry { after_ms, why } => {
                    AgentEvent::Retry { turn, after_ms, why, discards_text: std::mem::take(&mut shown) }
                }
            };
            let _ = events.send(event);
        };
        let reply = self.setup.model.reply(&self.memory.conversation, &self.bounds, &mut heard);
        let reply = tokio::select! {
            biased;
            ended = self.ended() => return Err(ended),
            reply = reply => reply,
        };
        reply.map_err(|failure| self.failed(failure))
    }

    pub(super) fn failed(&mut self, failure: Failure) -> Ended {
        self.budget.count(failure.tokens);
        let late = self.budget.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        match failure.kind {
            FailureKind::Timeout if late => Ended::deadline(),
            // The model may not write as much as it was asked to.
            FailureKind::Rejected if self.raised => Ended::truncated(),
            _ => Ended::model(failure),
        }
    }

    /// What the model has said so far.
    fn said(&self) -> String {
        let texts = self.answer.turns.iter().map(|turn| turn.text.trim()).filter(|text| !text.is_empty());
        texts.collect::<Vec<_>>().join("\n\n")
    }

    /// A turn is done with its executions.
    async fn close(&mut self, mut turn: Turn, ran_before: usize) {
        let runs = &self.answer.executions[ran_before..];
        turn.executions = runs.iter().map(|run| run.outcome.id.clone()).collect();
        if let Some(journal) = &self.setup.journal {
            let written = journal.turn(&self.answer.id, &turn, runs).await;
            self.warn(written);
        }
        self.answer.turns.push(turn.clone());
        self.tell(AgentEvent::Turn { turn });
    }

    async fn write_begin(&mut self) {
        let Some(journal) = &self.setup.journal else {
            return;
        };
        let (id, conversation) = (&self.answer.id, self.memory.last.as_ref());
        let (prompt, model) = (self.answer.prompt.as_str(), self.answer.model.as_str());
        let begin = Begin { id, caller: &self.setup.caller.0, prompt, model, conversation };
        let written = journal.begin(&begin).await;
        self.warn(written);
    }

    async fn write_end(&mut self) {
        if let Some(journal) = &self.setup.journal {
            let written = journal.end(&self.answer.id, &self.answer).await;
            self.warn(written);
        }
    }

    /// An answer does not depend on the journal, but nobody shall believe that it is there.
    fn warn(&mut self, written: Result<(), JournalError>) {
        if let Err(error) = written
            && !std::mem::replace(&mut self.warned, true)
        {
            self.tell(AgentEvent::Warning { code: "journal".to_owned(), message: error.to_string() });
        }
    }

    /// Tells an event to whoever still listens.
    pub(super) fn tell(&self, event: AgentEvent) {
        let _ = self.events.send(event);
    }
}
