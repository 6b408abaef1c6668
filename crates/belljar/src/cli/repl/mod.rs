//! `belljar repl`: one context kept alive, cell after cell.
//!
//! On a terminal there is a line editor with history. Otherwise cells are read from standard input, line by line:
//! a cell ends with the first line after which nothing is open, a block with the first line that is not indented.
//! The exit code is then that of the last cell.

mod cells;
mod magics;
mod past;

use super::Site;
use super::complete::{State, continues_block, state};
use super::editor::{Lines, Typed, terminal_keeper};
use super::failure::{Done, Failure, reason};
use super::live::Live;
use super::options::SandboxArgs;
use super::policy;
use super::signals::Signals;
use super::upload::Uploads;
use super::view::{Reader, View};
use cells::Cells;
use interpreter::Settings;
use past::Past;
use protocol::{Isolation, Language};
use rustyline::Helper;
use rustyline::completion::Completer;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;
use std::sync::Arc;

/// Type code, cell after cell, into one live interpreter.
#[derive(Debug, clap::Args)]
pub struct ReplArgs {
    /// python, bash, javascript, typescript or r [default: python]
    #[arg(long, value_name = "NAME")]
    language: Option<String>,
    /// A file or directory that goes to /workspace (repeatable)
    #[arg(long = "file", value_name = "PATH")]
    uploads: Vec<PathBuf>,
    /// What code may do: open, standard, strict, or a policy's TOML file [default: the configuration's, else standard]
    #[arg(long, value_name = "NAME|FILE")]
    policy: Option<String>,
    /// Cells that %undo can go back at most: the state before each Python cell is kept; 0 keeps none
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u8).range(..=100))]
    undo: u8,
    #[command(flatten)]
    sandbox: SandboxArgs,
}

/// Reads and runs cells until the end of input.
pub fn repl(args: &ReplArgs, site: &Site) -> Done {
    let language = args.language.as_deref().unwrap_or("python").parse::<Language>();
    let language = language.map_err(|error| Failure::usage("language", error.to_string()))?;
    let uploads = Uploads::collect(&args.uploads)?;
    let policy = Arc::new(policy::choose(args.policy.as_deref(), site)?);
    let template = args.sandbox.template.clone().unwrap_or_else(|| "python".to_owned());
    let request = args.sandbox.request(&template)?;
    uploads.check(&request.limits)?;
    let settings = Settings { policy: policy.clone(), ..args.sandbox.settings(site)? };
    let mut signals = site.runtime.block_on(async { Signals::listen(terminal_keeper()) })?;
    let mut view = View::new(Reader::Person, None, &template);
    let (live, sandbox) = site.runtime.block_on(async {
        let live = signals.unless(Live::open(site, &request, settings)).await?;
        let sandbox = signals.unless(live.sandbox(request.clone(), &uploads)).await?;
        Ok((live, sandbox))
    })?;
    let (undo, context) = (usize::from(args.undo), None);
    let past = Past::new(undo);
    let mut cells = Cells { site, language, policy, request, live, sandbox, context, undo, past };
    if !std::io::stdin().is_terminal() {
        return from_pipe(&mut cells, &mut view, &mut signals);
    }
    view.screen.note(&banner(language, &template, &cells.sandbox.isolation()))?;
    from_terminal(&mut cells, &mut view, &mut signals)
}

fn banner(language: Language, template: &str, isolation: &Isolation) -> String {
    let strength = format!("{:?}", isolation.strength).to_lowercase();
    let backend = &isolation.backend;
    let help = if language == Language::Python { " · %help: undo, checkpoints, branches" } else { "" };
    format!(
        "{language}, template {template}, {backend} sandbox ({strength} isolation) · Ctrl-C interrupts, Ctrl-D ends{help}"
    )
}

fn from_pipe(cells: &mut Cells<'_>, view: &mut View, signals: &mut Signals) -> Done {
    let language = cells.language;
    let mut lines = std::io::stdin().lock().lines().peekable();
    let mut exit = 0;
    let mut cell = String::new();
    while let Some(line) = lines.next() {
        let line = line.map_err(|error| {
            Failure::usage("unreadable", format!("read standard input: {}", reason(&error)))
        })?;
        cell.push_str(&line);
        cell.push('\n');
        let more = match state(&cell, language) {
            State::Open => true,
            State::Whole => false,
            State::Block => {
                matches!(lines.peek(), Some(Ok(next)) if next.trim().is_empty() || continues_block(next))
            }
        };
        if more && lines.peek().is_some() {
            continue;
        }
        let code = std::mem::take(&mut cell);
        if cells.ends(&code) {
            return Ok(0);
        }
        if !code.trim().is_empty() {
            exit = cells.run(&code, view, signals)?;
        }
    }
    Ok(exit)
}

fn from_terminal(cells: &mut Cells<'_>, view: &mut View, signals: &mut Signals) -> Done {
    let language = cells.language;
    let mut lines = Lines::open(cells.site, &language.to_string(), Typing { language }, &mut view.screen)?;
    let prompt = match cells.language {
        Language::Python => ">>> ",
        Language::Bash => "$ ",
        Language::Javascript | Language::Typescript | Language::R => "> ",
    };
    loop {
        signals.hurry(true);
        let read = lines.read(prompt);
        signals.hurry(false);
        let code = match read? {
            Typed::Text(code) => code,
            Typed::Interrupt => continue,
            Typed::End => return Ok(0),
        };
        if code.trim().is_empty() {
            continue;
        }
        lines.remember(&code);
        if cells.ends(&code) {
            return Ok(0);
        }
        cells.run(&code, view, signals)?;
    }
}

struct Typing {
    language: Language,
}

impl Helper for Typing {}
impl Highlighter for Typing {}
impl Hinter for Typing {
    type Hint = String;
}
impl Completer for Typing {
    type Candidate = String;

    /// The tabulator indents.
    fn complete(
        &self,
        _: &str,
        at: usize,
        _: &rustyline::Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok((at, vec!["    ".to_owned()]))
    }
}

impl Validator for Typing {
    fn validate(&self, context: &mut ValidationContext) -> rustyline::Result<ValidationResult> {
        let code = context.input();
        Ok(match state(code, self.language) {
            State::Open => ValidationResult::Incomplete,
            // As in Python's own prompt: an empty line ends a block.
            State::Block if !code.ends_with('\n') => ValidationResult::Incomplete,
            _ => ValidationResult::Valid(None),
        })
    }
}
