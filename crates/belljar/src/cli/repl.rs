//! `belljar repl`: one context kept alive, cell after cell.
//!
//! On a terminal there is a line editor with history. Otherwise cells are read from standard input, line by line:
//! a cell ends with the first line after which nothing is open, a block with the first line that is not indented.
//! The exit code is then that of the last cell.

use super::Site;
use super::complete::{State, continues_block, state};
use super::failure::{Done, Failure, reason};
use super::live::Live;
use super::options::SandboxArgs;
use super::signals::Signals;
use super::upload::Uploads;
use super::view::{Reader, View};
use interpreter::{Context, ExecuteRequest, Place, Sandbox, SandboxRequest};
use protocol::{Isolation, Language, Outcome};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Config, Editor, Helper};
use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;
use std::sync::Arc;

/// Type code, cell after cell, into one live interpreter.
#[derive(Debug, clap::Args)]
pub struct ReplArgs {
    /// python, bash or javascript [default: python]
    #[arg(long, value_name = "NAME")]
    language: Option<String>,
    /// A file or directory that goes to /workspace (repeatable)
    #[arg(long = "file", value_name = "PATH")]
    uploads: Vec<PathBuf>,
    #[command(flatten)]
    sandbox: SandboxArgs,
}

/// Lines of history that are kept.
const HISTORY_LINES: usize = 10_000;

/// Reads and runs cells until the end of input.
pub fn repl(args: &ReplArgs, site: &Site) -> Done {
    let language = args.language.as_deref().unwrap_or("python").parse::<Language>();
    let language = language.map_err(|error| Failure::usage("language", error.to_string()))?;
    let uploads = Uploads::collect(&args.uploads)?;
    let template = args.sandbox.template.clone().unwrap_or_else(|| "python".to_owned());
    let request = args.sandbox.request(&template)?;
    uploads.check(&request.limits)?;
    let mut signals = site.runtime.block_on(async { Signals::listen(terminal_keeper()) })?;
    let mut view = View::new(Reader::Person, None, &template);
    let (live, sandbox) = site.runtime.block_on(async {
        let live = signals.unless(Live::open(site, &request)).await?;
        let sandbox = signals.unless(live.sandbox(request.clone(), &uploads)).await?;
        Ok((live, sandbox))
    })?;
    let mut cells = Cells { site, language, request, live, sandbox, context: None };
    if !std::io::stdin().is_terminal() {
        return from_pipe(&mut cells, &mut view, &mut signals);
    }
    view.screen.note(&banner(language, &template, &cells.sandbox.isolation()))?;
    from_terminal(&mut cells, &mut view, &mut signals)
}

fn banner(language: Language, template: &str, isolation: &Isolation) -> String {
    let strength = format!("{:?}", isolation.strength).to_lowercase();
    let backend = &isolation.backend;
    format!(
        "{language}, template {template}, {backend} sandbox ({strength} isolation) · Ctrl-C interrupts, Ctrl-D ends"
    )
}

/// The live context and how to get another one.
struct Cells<'a> {
    site: &'a Site,
    language: Language,
    request: SandboxRequest,
    live: Live,
    sandbox: Arc<Sandbox>,
    context: Option<Arc<Context>>,
}

impl Cells<'_> {
    /// Runs one cell and shows it.
    fn run(&mut self, code: &str, view: &mut View, signals: &mut Signals) -> Done<Outcome> {
        signals.reset();
        let outcome = self.site.runtime.block_on(async {
            let execution = match signals.unless(self.live.execute(self.cell(code))).await {
                Err(failure) if failure.code == "lost" => {
                    view.screen
                        .warning("the sandbox is gone, with its variables and files; this is a new one")?;
                    self.context = None;
                    let (request, nothing) = (self.request.clone(), Uploads::default());
                    self.sandbox = signals.unless(self.live.sandbox(request, &nothing)).await?;
                    signals.unless(self.live.execute(self.cell(code))).await?
                }
                other => other?,
            };
            self.context = execution.context();
            view.follow(execution, signals).await
        })?;
        if !outcome.context_alive && self.context.take().is_some() {
            view.screen
                .warning("the interpreter ended, its variables are gone; the next cell gets a new one")?;
        }
        Ok(outcome)
    }

    fn cell(&self, code: &str) -> ExecuteRequest {
        let place = match &self.context {
            Some(context) => Place::Context(context.clone()),
            None => Place::Sandbox(self.sandbox.clone()),
        };
        ExecuteRequest::new(code, self.language, place)
    }

    fn ends(&self, code: &str) -> bool {
        let code = code.trim();
        matches!(code, "exit" | "quit")
            || self.language != Language::Bash && matches!(code, "exit()" | "quit()")
    }
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
            exit = cells.run(&code, view, signals)?.exit_code as u8;
        }
    }
    Ok(exit)
}

fn from_terminal(cells: &mut Cells<'_>, view: &mut View, signals: &mut Signals) -> Done {
    let (mut editor, history) = editor(cells.site, cells.language, view)?;
    let prompt = match cells.language {
        Language::Python => ">>> ",
        Language::Bash => "$ ",
        Language::Javascript => "> ",
    };
    loop {
        signals.hurry(true);
        let read = editor.readline(prompt);
        signals.hurry(false);
        let code = match read {
            Ok(code) => code,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => return Ok(0),
            Err(error) => return Err(Failure::ours("editor", format!("edit a line: {error}"))),
        };
        if code.trim().is_empty() {
            continue;
        }
        // What cannot be kept was told at the start.
        let _ = editor.add_history_entry(code.trim_end());
        if let Some(path) = &history {
            let _ = editor.append_history(path);
        }
        if cells.ends(&code) {
            return Ok(0);
        }
        let outcome = cells.run(&code, view, signals)?;
        if outcome.error.as_ref().is_some_and(|error| error.name == "ExitCode") {
            view.screen.note(&format!("exit code {}", outcome.exit_code))?;
        }
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

type LineEditor = Editor<Typing, FileHistory>;

fn editor(site: &Site, language: Language, view: &mut View) -> Done<(LineEditor, Option<PathBuf>)> {
    let failed = |error: ReadlineError| Failure::ours("editor", format!("edit lines: {error}"));
    let config =
        Config::builder().max_history_size(HISTORY_LINES).map_err(failed)?.auto_add_history(false).build();
    let mut editor: LineEditor = Editor::with_config(config).map_err(failed)?;
    editor.set_helper(Some(Typing { language }));
    let path = site.data_dir()?.join(format!("history-{language}"));
    match editor.load_history(&path) {
        Ok(()) => {}
        Err(ReadlineError::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => {
            view.screen.warning(&format!("history is not kept: cannot read {}: {error}", path.display()))?;
            return Ok((editor, None));
        }
    }
    if let Err(error) = editor.append_history(&path) {
        view.screen.warning(&format!("history is not kept: cannot write {}: {error}", path.display()))?;
        return Ok((editor, None));
    }
    Ok((editor, Some(path)))
}

/// Gives the terminal back as it was before the line editor changed it.
fn terminal_keeper() -> impl Fn() + Send + 'static {
    let before = rustix::termios::tcgetattr(std::io::stdin()).ok();
    move || {
        if let Some(before) = &before {
            let _ =
                rustix::termios::tcsetattr(std::io::stdin(), rustix::termios::OptionalActions::Now, before);
        }
    }
}
