//! What follows from a reply: an answer, code that runs, or another turn.

use super::{
    Mode,
    ask::Ask,
    calls, direct,
    end::Ended,
    run::{Piece, Ran},
    view::{self, Lens},
    words,
};
use crate::model::{self, Call, Message, Part, Reply, ToolResult};
use protocol::{AgentEvent, Language, Status, Stop};

/// Tokens of a reply whose length a provider does not tell, when it has to be raised.
const REPLY_TOKENS: u64 = 8_192;

/// What follows after a reply.
pub(super) enum Next {
    Answer(String),
    Turn,
}

/// What became of a call.
struct Carried {
    content: Vec<Part>,
    failed: bool,
    denied: bool,
    /// The whole answer ends with it.
    ended: Option<Ended>,
}

impl Ask<'_> {
    /// What follows from a reply. What is kept of it is in the conversation then.
    pub(super) async fn follow(&mut self, reply: Reply) -> Result<Next, Ended> {
        match &reply.stop {
            Stop::Refusal(category) => return Err(Ended::refused(category.as_deref())),
            Stop::ContextWindow => return Err(Ended::context_window()),
            Stop::MaxTokens => return self.raise(&reply),
            Stop::Pause => {
                self.paused.push_str(&reply.text);
                self.keep(reply);
                return Ok(Next::Turn);
            }
            stop => debug_assert!(model::is_complete(stop)),
        }
        if !reply.calls.is_empty() || !reply.broken_calls.is_empty() {
            self.paused.clear();
            return self.carry_out(reply).await;
        }
        if reply.text.trim().is_empty() && self.paused.trim().is_empty() {
            return self.nothing();
        }
        if self.setup.mode() == Mode::Direct
            && !self.attempts.is_over()
            && let Some((language, code)) = model::direct::code(&reply.text)
        {
            self.keep(reply);
            return self.program(language.unwrap_or_default(), &code).await;
        }
        let text = std::mem::take(&mut self.paused) + &reply.text;
        self.keep(reply);
        Ok(Next::Answer(text.trim().to_owned()))
    }

    /// Asks the same again with room for a reply twice as long, once.
    fn raise(&mut self, reply: &Reply) -> Result<Next, Ended> {
        if std::mem::replace(&mut self.raised, true) {
            return Err(Ended::truncated());
        }
        let tokens = if reply.tokens.output == 0 { REPLY_TOKENS } else { reply.tokens.output };
        let more = u32::try_from(tokens.saturating_mul(2)).unwrap_or(u32::MAX);
        self.memory.conversation.reply_tokens_max = Some(more);
        let why = format!("the reply was cut at {tokens} tokens; it may have {more} now");
        self.tell(AgentEvent::Retry {
            turn: self.turn(),
            after_ms: 0,
            why,
            discards_text: !reply.text.is_empty(),
        });
        Ok(Next::Turn)
    }

    fn nothing(&mut self) -> Result<Next, Ended> {
        if std::mem::replace(&mut self.empty, true) {
            return Err(Ended::empty());
        }
        let mut parts = vec![Part::Text(words::EMPTY.to_owned())];
        parts.extend(self.last_turn());
        self.memory.conversation.messages.push(Message::User(parts));
        Ok(Next::Turn)
    }

    /// Carries out the calls of a reply in their order, and answers all of them in one message.
    async fn carry_out(&mut self, reply: Reply) -> Result<Next, Ended> {
        let calls = reply.calls.clone();
        let broken = reply.broken_calls.clone();
        self.keep(reply);
        let mut ended = self.budget.check(self.turn()).err();
        let (mut results, mut denied) = (Vec::new(), false);
        for call in &calls {
            let (content, failed) = match &ended {
                Some(ended) => (view::not_run("Ended", &format!("cannot {}", ended.error.message)), true),
                None => {
                    let carried = self.call(call).await;
                    ended = carried.ended;
                    denied |= carried.denied;
                    (carried.content, carried.failed)
                }
            };
            results.push(ToolResult { call: call.id.clone(), content, failed });
        }
        for call in broken.into_iter().filter(|call| !call.id.is_empty()) {
            let content =
                view::not_run("BrokenCall", &format!("{}. It was not carried out: call again.", call.why));
            results.push(ToolResult { call: call.id, content, failed: true });
        }
        let newly_over = denied && self.attempts.denied_round();
        let notes: Vec<Part> = newly_over.then(over).into_iter().chain(self.last_turn()).collect();
        match results.last_mut() {
            Some(last) => last.content.extend(notes),
            None => {
                let why = "Your call came broken and was not carried out: call again.".to_owned();
                let parts = [Part::Text(why)].into_iter().chain(notes).collect();
                self.memory.conversation.messages.push(Message::User(parts));
            }
        }
        if !results.is_empty() {
            self.memory.conversation.messages.push(Message::Results(results));
        }
        ended.map_or(Ok(Next::Turn), Err)
    }

    async fn call(&mut self, call: &Call) -> Carried {
        let refused = |content| Carried { content, failed: true, denied: false, ended: None };
        let wanted = match calls::read(call) {
            Ok(wanted) => wanted,
            Err(content) => return refused(content),
        };
        if self.attempts.is_over() {
            return refused(view::not_run("NoMoreCode", words::NO_MORE_CODE));
        }
        let timeout_ms = wanted.timeout_ms;
        let piece = Piece { call: &call.id, code: &wanted.code, language: wanted.language, timeout_ms };
        let ran = self.run(&piece).await;
        let (failed, denied) = (ran.outcome.error.is_some(), ran.outcome.status == Status::Denied);
        let (content, ended) = self.read(&piece, ran);
        Carried { content, failed, denied, ended }
    }

    /// What the model reads of what ran.
    fn read(&mut self, piece: &Piece<'_>, ran: Ran) -> (Vec<Part>, Option<Ended>) {
        let lens = Lens {
            images: self.setup.model.traits().images,
            text_bytes: view::TEXT_BYTES,
            libraries: &self.setup.libraries,
            limits: &self.setup.room.limits,
        };
        let mut parts = view::view(&ran.outcome, piece.code, &lens);
        let after = self.attempts.after(&ran.outcome);
        let notes = ran.notes.into_iter().chain(after.notes);
        let notes: Vec<&str> = notes.collect();
        if let Some(Part::Text(text)) = parts.first_mut().filter(|_| !notes.is_empty()) {
            text.push('\n');
            text.push_str(&notes.join("\n"));
        }
        (parts, ran.ended.or(after.ended))
    }

    /// Direct mode: runs a program. Its output is the answer; where there is none, the model reads why.
    async fn program(&mut self, language: Language, code: &str) -> Result<Next, Ended> {
        let call = format!("code_{}", self.turn());
        let piece = Piece { call: &call, code, language, timeout_ms: None };
        let ran = self.run(&piece).await;
        let answer = direct::answer(&ran.outcome).filter(|_| ran.outcome.error.is_none());
        let silent = ran.outcome.error.is_none() && answer.is_none();
        let denied = ran.outcome.status == Status::Denied;
        let (mut parts, ended) = self.read(&piece, ran);
        if silent {
            let note = if self.attempts.fails() { words::NO_MORE_CODE } else { words::SAID_NOTHING };
            parts.push(Part::Text(note.to_owned()));
        }
        if denied && self.attempts.denied_round() {
            parts.push(over());
        }
        self.memory.conversation.messages.push(Message::User(parts));
        match (ended, answer) {
            (Some(ended), _) => Err(ended),
            (None, Some(answer)) => Ok(Next::Answer(answer)),
            (None, None) => Ok(Next::Turn),
        }
    }

    fn keep(&mut self, reply: Reply) {
        self.memory.conversation.messages.push(Message::Model(reply));
    }

    /// The note that belongs before the last turn; in direct mode the last turn may still be a program.
    fn last_turn(&mut self) -> Option<Part> {
        let comes = self.turn() + 1 == self.budget.limits.turns && self.setup.mode() == Mode::Tools;
        self.told_last |= comes;
        comes.then(|| Part::Text(words::LAST_TURN.to_owned()))
    }
}

fn over() -> Part {
    Part::Text(words::NO_MORE_CODE.to_owned())
}
