//! Cells, one after the other, in one live context that is replaced when it or its sandbox ends.

use super::magics;
use super::past::{Past, Told};
use crate::cli::Site;
use crate::cli::failure::Done;
use crate::cli::live::Live;
use crate::cli::signals::Signals;
use crate::cli::upload::Uploads;
use crate::cli::view::{Source, View};
use crate::render;
use interpreter::{Context, ExecuteRequest, Place, Sandbox, SandboxRequest};
use policy::Policy;
use protocol::{Language, Outcome, Status};
use std::cell::Cell;
use std::io::IsTerminal;
use std::sync::Arc;

/// Exit code of a cell that Ctrl-C kept from running.
const INTERRUPTED: u8 = 130;

/// The live context and how to get another one.
pub struct Cells<'a> {
    pub site: &'a Site,
    pub language: Language,
    pub policy: Arc<Policy>,
    pub request: SandboxRequest,
    pub live: Live,
    pub sandbox: Arc<Sandbox>,
    /// The last one; it may have ended.
    pub context: Option<Arc<Context>>,
    /// States that a cell can be undone to, at most.
    pub undo: usize,
    pub past: Past,
}

impl Cells<'_> {
    /// Does what a cell says, and shows it; gives back the exit code.
    pub fn run(&mut self, code: &str, view: &mut View, signals: &mut Signals) -> Done {
        signals.reset();
        if self.language == Language::Python {
            if let Some(magic) = magics::read(code) {
                return self.act(magic, view, signals);
            }
            // What is denied changes nothing.
            let denied = policy::check(&self.policy, self.language, code).denied;
            if !denied && !self.keep(view, signals)? {
                return Ok(INTERRUPTED);
            }
        }
        let outcome = self.execute(code, view, signals)?;
        if outcome.error.as_ref().is_some_and(|error| error.name == "ExitCode")
            && std::io::stdin().is_terminal()
        {
            view.screen.note(&format!("exit code {}", outcome.exit_code))?;
        }
        if outcome.status != Status::Denied && !outcome.context_alive && self.context.is_some() {
            self.ended(view)?;
        }
        Ok(outcome.exit_code as u8)
    }

    fn execute(&mut self, code: &str, view: &mut View, signals: &mut Signals) -> Done<Outcome> {
        let (label, policy) = ("cell".to_owned(), self.policy.name().to_owned());
        view.source = Some(Source { label, code: code.to_owned(), policy });
        self.site.runtime.block_on(async {
            let execution = match signals.unless(self.live.execute(self.cell(code))).await {
                Err(failure) if failure.code == "lost" => {
                    view.screen
                        .warning("the sandbox is gone, with its variables and files; this is a new one")?;
                    (self.context, self.past) = (None, Past::new(self.undo));
                    let (request, nothing) = (self.request.clone(), Uploads::default());
                    self.sandbox = signals.unless(self.live.sandbox(request, &nothing)).await?;
                    signals.unless(self.live.execute(self.cell(code))).await?
                }
                other => other?,
            };
            // Denied code has none, and takes none away.
            self.context = execution.context().or(self.context.take());
            view.follow(execution, signals).await
        })
    }

    /// Keeps the state before a cell, where that can be; false where Ctrl-C came meanwhile.
    fn keep(&mut self, view: &mut View, signals: &mut Signals) -> Done<bool> {
        let interrupted = Cell::new(false);
        let keeping = async { Ok(self.past.keep(&self.sandbox, &mut self.context).await) };
        let lacking = self.site.runtime.block_on(signals.during(keeping, || interrupted.set(true)))?;
        if let Some(why) = lacking {
            view.screen.note(&why)?;
        }
        Ok(!interrupted.get())
    }

    fn act(&mut self, magic: Done<magics::Magic>, view: &mut View, signals: &mut Signals) -> Done {
        let acting = async {
            match magic {
                Ok(magic) => Ok(self.past.act(magic, &self.sandbox, &mut self.context).await),
                Err(failure) => Ok(Err(failure)),
            }
        };
        match self.site.runtime.block_on(signals.during(acting, || ()))? {
            Ok(Told::List(text)) => view.screen.show(&text).map(|()| 0),
            Ok(Told::Note(text)) => view.screen.note(&text).map(|()| 0),
            Err(failure) => {
                view.screen.new_line()?;
                render::failure(&failure);
                Ok(failure.exit)
            }
        }
    }

    /// Tells what is lost with a context, and whether it can come back.
    fn ended(&mut self, view: &mut View) -> Done<()> {
        let lost = match self.past.branch() {
            None => "the interpreter ended, its variables are gone".to_owned(),
            Some(branch) => {
                format!("the interpreter of branch {branch} ended, its variables and files are gone")
            }
        };
        let next = match self.past.can_undo() {
            true => "%undo goes back before that cell; else the next cell gets a new one",
            false => "the next cell gets a new one",
        };
        view.screen.warning(&format!("{lost}; {next}"))
    }

    fn cell(&self, code: &str) -> ExecuteRequest {
        let place = match self.context.as_ref().filter(|context| context.is_alive()) {
            Some(context) => Place::Context(context.clone()),
            None => Place::Sandbox(self.sandbox.clone()),
        };
        ExecuteRequest::new(code, self.language, place)
    }

    /// Whether a cell ends the session.
    pub fn ends(&self, code: &str) -> bool {
        let code = code.trim();
        matches!(code, "exit" | "quit")
            || self.language != Language::Bash && matches!(code, "exit()" | "quit()" | "q()")
    }
}
