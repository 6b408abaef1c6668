//! What happens while an answer is made, as a person, a pipe or a program gets it.
//!
//! On a terminal everything streams. In a pipe standard output is the answer alone, as Markdown, and the rest goes to
//! standard error; text that may be the answer is therefore held until the model goes on.

use super::AskArgs;
use super::setup::{Ready, Slot};
use crate::cli::download::OutDir;
use crate::cli::failure::{Done, Failure};
use crate::cli::view::{Reader, View, to_json};
use crate::render::{
    self, Screen, cost, findings, highlight,
    speech::{Speech, tail},
    spinner::Spinner,
    terminal::{FAINT, Look, harmless},
};
use protocol::{
    AgentEvent, Answer, AnswerStatus, Event, EventKind, FileChange, Finding, Language, Outcome, Status, Stop,
    Turn,
};
use std::collections::BTreeMap;

/// Tells of one question after the other.
pub struct Teller {
    out: Audience,
    view: View,
    slot: Slot,
    spinner: Spinner,
    speech: Speech,
    /// The policy's name.
    policy: String,
    /// What the model replies is code: it is shown as such, not as text.
    direct: bool,
    /// Text is not shown before it is known that it is not the answer.
    holds: bool,
    /// Text of the reply that comes, and of paused ones before it.
    said: String,
    /// A reply is over: what comes next begins another.
    turn_over: bool,
    thought: String,
    code: String,
    advice: Vec<Finding>,
    /// Something was shown, and of what kind the last was.
    last: Option<Section>,
    /// Why the first file was not written.
    failed: Option<Failure>,
}

/// Who gets what on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Audience {
    Person,
    /// The answer only.
    Answer,
    Json,
    Events,
}

/// What the interpreter calls a failure that is only an exit code.
const EXIT_CODE: &str = "ExitCode";

/// Parts that stand apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    Text,
    Code,
    Output,
    Note,
}

impl Teller {
    /// For the command line's audience; files go to `out`.
    pub fn new(args: &AskArgs, ready: &Ready, out: Option<OutDir>) -> Teller {
        let audience = match (args.json, args.events, args.quiet) {
            (true, ..) => Audience::Json,
            (_, true, _) => Audience::Events,
            (.., true) => Audience::Answer,
            _ => Audience::Person,
        };
        let person = audience == Audience::Person;
        let screen = if Look::stdout().terminal { Screen::new() } else { Screen::aside() };
        let reader = if person { Reader::Person } else { Reader::Nobody };
        let (direct, holds) = (ready.is_direct(), ready.is_direct() || !Look::stdout().terminal);
        Teller {
            out: audience,
            speech: Speech::new(screen.look()),
            view: View::on(screen, reader, out, &ready.template).going_on(),
            slot: Slot::default(),
            spinner: Spinner::new(person),
            policy: harmless(ready.policy.name()),
            direct,
            holds,
            said: String::new(),
            turn_over: false,
            thought: String::new(),
            code: String::new(),
            advice: Vec::new(),
            last: None,
            failed: None,
        }
    }

    /// Where the sandbox is to be found.
    pub fn slot(&self) -> Slot {
        self.slot.clone()
    }

    /// The person's screen.
    pub fn screen(&mut self) -> &mut Screen {
        &mut self.view.screen
    }

    /// Something that a person should know, whatever standard output is for.
    pub fn warning(&mut self, text: &str) -> Done<()> {
        self.spinner.clear();
        self.view.screen.warning(&harmless(text))
    }

    /// The first file that could not be written since this was asked last.
    pub fn unwritten(&mut self) -> Option<Failure> {
        self.failed.take()
    }

    /// Something by the way.
    pub fn note(&mut self, text: &str) -> Done<()> {
        self.section(Section::Note)?;
        self.view.screen.note(text)
    }

    /// Ctrl-C came.
    pub fn stopping(&mut self) {
        self.spinner.show("stopping");
    }

    /// Tells one event; gives back the answer with the last.
    pub async fn event(&mut self, event: AgentEvent) -> Done<Option<Answer>> {
        if self.out == Audience::Events {
            render::print(&format!("{}\n", to_json(&event)?))?;
        }
        match event {
            AgentEvent::Execution { event, .. } => self.execution(event).await?,
            AgentEvent::Answer { answer } => {
                self.answer(&answer)?;
                return Ok(Some(*answer));
            }
            AgentEvent::Warning { message, .. } => self.warning(&format!("cannot {message}"))?,
            event if self.out == Audience::Person => self.happened(event)?,
            _ => {}
        }
        Ok(None)
    }

    fn happened(&mut self, event: AgentEvent) -> Done<()> {
        match event {
            AgentEvent::Started { .. } => {
                (self.said, self.thought, self.last) = Default::default();
                self.spinner.show("thinking");
            }
            AgentEvent::Thinking { text, .. } => {
                self.begin_turn()?;
                self.thought.push_str(&text);
                self.spinner.show(&tail(&self.thought, self.spinner.room()));
            }
            AgentEvent::Text { text, .. } => self.text(&text)?,
            AgentEvent::Retry { after_ms, why, discards_text, .. } => {
                self.retry(after_ms, &why, discards_text)?
            }
            AgentEvent::Code { language, code, attempt, .. } => self.code(language, code, attempt)?,
            AgentEvent::Verdict { denied, findings, .. } => self.verdict(denied, findings)?,
            AgentEvent::Turn { turn } => self.turn(&turn)?,
            AgentEvent::Execution { .. } | AgentEvent::Warning { .. } | AgentEvent::Answer { .. } => {}
        }
        Ok(())
    }

    /// Shows what was held of the reply before: it was not the answer.
    fn begin_turn(&mut self) -> Done<()> {
        if std::mem::take(&mut self.turn_over) {
            self.release()?;
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Done<()> {
        self.begin_turn()?;
        self.thought.clear();
        self.said.push_str(text);
        if !self.holds {
            let whole = self.speech.push(text);
            self.say(&whole)?;
        }
        let pending = if self.holds { &self.said } else { self.speech.pending() };
        let words = tail(pending, self.spinner.room());
        if !self.view.screen.line_begun() {
            self.spinner.show(if words.is_empty() { "thinking" } else { &words });
        }
        Ok(())
    }

    fn say(&mut self, text: &str) -> Done<()> {
        if text.is_empty() {
            return Ok(());
        }
        self.section(Section::Text)?;
        self.view.screen.show(text)
    }

    /// Shows what is left of a text.
    fn release(&mut self) -> Done<()> {
        let said = std::mem::take(&mut self.said);
        let rest = match self.holds {
            true => self.speech.push(&said) + &self.speech.finish(),
            false => self.speech.finish(),
        };
        self.say(&rest)
    }

    fn retry(&mut self, after_ms: u64, why: &str, discards_text: bool) -> Done<()> {
        if discards_text {
            self.speech.discard();
            self.said.clear();
        }
        let again = if discards_text { "the reply begins anew" } else { "the model is asked again" };
        let wait = match after_ms {
            0 => String::new(),
            _ => format!(" in {:.1} s", after_ms as f64 / 1000.0),
        };
        self.note(&format!("{again}{wait}: {}", harmless(why)))?;
        self.spinner.show("waiting");
        Ok(())
    }

    fn code(&mut self, language: Language, code: String, attempt: u32) -> Done<()> {
        self.turn_over = false;
        if self.direct {
            self.said.clear();
            self.speech.discard();
        }
        self.release()?;
        self.section(Section::Code)?;
        let look = self.view.screen.look();
        let bar = look.paint(FAINT, "│");
        let title = if attempt > 1 { format!("{language}, run {attempt}") } else { language.to_string() };
        let mut block = format!("{} {}\n", look.paint(FAINT, "╭"), look.paint(FAINT, &title));
        for line in highlight::lines(&code, language, look) {
            block.push_str(format!("{bar} {line}").trim_end());
            block.push('\n');
        }
        block.push_str(&format!("{}\n", look.paint(FAINT, "╰")));
        self.view.screen.show(&block)?;
        self.code = code;
        self.spinner.show(&format!("running {language}"));
        Ok(())
    }

    fn verdict(&mut self, denied: bool, found: Vec<Finding>) -> Done<()> {
        if !denied {
            self.advice = found;
            return Ok(());
        }
        self.section(Section::Note)?;
        let text = findings::block("code", &self.code, &found, self.view.screen.err_look());
        self.view.screen.tell(&text)?;
        self.view.screen.note(&format!("denied by the policy {}: nothing ran", self.policy))
    }

    async fn execution(&mut self, event: Event) -> Done<()> {
        let visible = match &event.kind {
            // The verdict has told it.
            EventKind::End { outcome } if outcome.status == Status::Denied => return Ok(()),
            EventKind::End { outcome } => outcome.error.as_ref().is_some_and(|error| error.name != EXIT_CODE),
            EventKind::Error { .. } | EventKind::File { .. } => false,
            _ => true,
        };
        if visible && self.out == Audience::Person {
            self.section(Section::Output)?;
        }
        let sandbox = self.slot.get();
        let outcome = self.view.event(event, sandbox.as_deref()).await?;
        let Some(outcome) = outcome else { return Ok(()) };
        if self.view.keeps_files()
            && let Err(failure) = self.view.download(&outcome, sandbox.as_deref()).await
        {
            self.failed.get_or_insert(failure);
        }
        if self.out == Audience::Person {
            self.ran(&outcome)?;
        }
        Ok(())
    }

    /// Tells what may explain a failure.
    fn ran(&mut self, outcome: &Outcome) -> Done<()> {
        let advice = std::mem::take(&mut self.advice);
        if outcome.error.as_ref().is_some_and(|error| error.name == EXIT_CODE) {
            self.note(&format!("exit code {}", outcome.exit_code))?;
        }
        if outcome.status != Status::Ok {
            findings::advice(&advice).iter().try_for_each(|line| self.note(line))?;
        }
        self.spinner.show("thinking");
        Ok(())
    }

    fn turn(&mut self, turn: &Turn) -> Done<()> {
        self.thought.clear();
        match (&turn.stop, turn.executions.is_empty()) {
            (Stop::Pause, _) => {}
            (_, true) => self.turn_over = true,
            (_, false) => self.said.clear(),
        }
        Ok(())
    }

    fn answer(&mut self, answer: &Answer) -> Done<()> {
        self.spinner.clear();
        match self.out {
            Audience::Events => return Ok(()),
            Audience::Json => return render::print(&format!("{}\n", to_json(answer)?)),
            Audience::Person | Audience::Answer => {}
        }
        self.show_answer(answer)?;
        self.end(answer)?;
        if self.out == Audience::Person {
            if !self.view.keeps_files() {
                let files = answer.executions.iter().flat_map(|run| &run.outcome.files);
                let files: BTreeMap<&str, &FileChange> =
                    files.map(|file| (file.path.as_str(), file)).collect();
                self.view.lost(&files.into_values().cloned().collect::<Vec<_>>())?;
            }
            self.section(Section::Note)?;
            self.view.screen.note(&cost::line(answer))?;
        }
        (self.said, self.turn_over) = Default::default();
        Ok(())
    }

    /// The answer, where it was not on the screen as the last reply.
    fn show_answer(&mut self, answer: &Answer) -> Done<()> {
        let text = answer.answer.trim();
        let streamed = self.out == Audience::Person && !self.holds;
        if streamed {
            let said = self.said.trim() == text || !stands(answer.status);
            self.release()?;
            if said {
                return Ok(());
            }
        }
        if text.is_empty() {
            return Ok(());
        }
        let out = Look::stdout();
        if !out.terminal {
            self.view.screen.new_line()?;
            return render::print(&format!("{text}\n"));
        }
        let mut speech = Speech::new(out);
        let shown = speech.push(text) + &speech.finish();
        self.say(&shown)
    }

    /// What there is to say about how it ended.
    fn end(&mut self, answer: &Answer) -> Done<()> {
        match answer.status {
            AnswerStatus::Ok => return Ok(()),
            AnswerStatus::Degraded => {
                return self
                    .warning("the answer is degraded: attempts or turns had run out before it was found");
            }
            AnswerStatus::Cancelled => return self.warning("cancelled; this is what there is"),
            _ => {}
        }
        if let Some(error) = &answer.error {
            self.view.screen.new_line()?;
            let failure = Failure::ours("answer", harmless(&error.message));
            let hint = error.hint.as_deref().map(harmless);
            render::failure(&Failure { hint, ..failure });
        }
        Ok(())
    }

    /// Ends what is under way and sets this part apart from one of another kind.
    fn section(&mut self, section: Section) -> Done<()> {
        self.spinner.clear();
        // Code has an end of its own; what it does follows at once.
        let apart = self
            .last
            .is_some_and(|last| last != section && (last != Section::Code || section == Section::Text));
        self.last = Some(section);
        if apart {
            self.view.screen.show("\n")?;
        }
        Ok(())
    }
}

fn stands(status: AnswerStatus) -> bool {
    matches!(status, AnswerStatus::Ok | AnswerStatus::Degraded)
}
