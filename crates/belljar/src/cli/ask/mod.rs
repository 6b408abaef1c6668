//! `belljar ask`: a question, the model's code run in a sandbox and repaired, an answer.

mod setup;
mod talk;
mod tell;

use super::Site;
use super::code;
use super::download::OutDir;
use super::failure::{Done, EXIT_FAILED, EXIT_MISSING, Failure};
use super::options::{SandboxArgs, milliseconds};
use super::signals::{Came, Signals};
use crate::render;
use agent::{AskLimits, BEST_OF_MAX, Chat, Mode};
use protocol::{Answer, AnswerStatus};
use setup::Ready;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tell::Teller;

/// Ask a model that runs code to find the answer.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub struct AskArgs {
    /// The question, or - to read it from standard input
    #[arg(value_name = "PROMPT", required_unless_present = "interactive")]
    prompt: Option<String>,
    /// The model: a name, anthropic:NAME, openai:NAME, openai-chat:NAME@URL or recording:FILE
    /// [default: the configuration's, else by the keys in the environment]
    #[arg(long, value_name = "SPEC")]
    model: Option<String>,
    /// A file or directory that goes to /workspace (repeatable)
    #[arg(long = "file", value_name = "PATH")]
    uploads: Vec<PathBuf>,
    /// Where created and changed files and pictures go
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print one Answer as JSON on standard output, nothing else
    #[arg(long, conflicts_with_all = ["events", "quiet"])]
    pub json: bool,
    /// Print everything that happens as lines of JSON
    #[arg(long, conflicts_with = "quiet")]
    pub events: bool,
    /// Print the answer only
    #[arg(long, short)]
    quiet: bool,
    /// Go on asking: the model remembers the conversation, the sandbox its variables and files
    #[arg(long, short)]
    interactive: bool,
    /// A file with more instructions for the model
    #[arg(long, value_name = "FILE")]
    system: Option<PathBuf>,
    /// How code is asked for: tools (the model calls run_code) or direct (it replies with a program)
    /// [default: what the model can]
    #[arg(long, value_name = "tools|direct", value_parser = mode)]
    mode: Option<Mode>,
    /// What code may do: open, standard, strict, or a policy's TOML file [default: the configuration's, else standard]
    #[arg(long, value_name = "NAME|FILE")]
    policy: Option<String>,
    /// Write what the model says into a file that --model recording:FILE plays back
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Ask for the first code N times at once, and go on with the first that succeeds (1 to 8; native backend)
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=i64::from(BEST_OF_MAX)))]
    best_of: u32,
    /// Go on from what failed code has left, instead of from the state before it
    #[arg(long)]
    keep_failed: bool,
    #[command(flatten)]
    bounds: BoundArgs,
    #[command(flatten)]
    sandbox: SandboxArgs,
}

/// What one answer may cost.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Bounds")]
struct BoundArgs {
    /// Replies of the model
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    max_turns: u32,
    /// Executions that may fail before the model has to answer with what it has [default: 3; with --best-of N: N + 2]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_code_attempts: Option<u32>,
    /// Dollars
    #[arg(long, value_name = "USD", allow_hyphen_values = true, value_parser = dollars)]
    max_cost: Option<f64>,
    /// Tokens, read and written
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_tokens: Option<u64>,
    /// Seconds for one answer, everything included
    #[arg(long, value_name = "SECS", default_value = "600", allow_hyphen_values = true)]
    deadline: String,
}

const EXIT_CODES: &str = "\
Exit codes:
    0  answered; with a warning where the answer is degraded, because attempts or turns had run out
    1  no answer that stands: refused, cut off, a limit was reached, or the model failed
    2  a wrong command line or configuration
  125  Belljar itself failed
  127  nothing to run code with
  130  cancelled with Ctrl-C";

fn mode(text: &str) -> Result<Mode, String> {
    match text {
        "tools" => Ok(Mode::Tools),
        "direct" => Ok(Mode::Direct),
        _ => Err("expected tools or direct".to_owned()),
    }
}

fn dollars(text: &str) -> Result<f64, String> {
    let dollars = text.trim_start_matches('$').parse::<f64>().ok();
    dollars.filter(|sum| sum.is_finite() && *sum > 0.0).ok_or_else(|| "expected dollars above 0".to_owned())
}

impl BoundArgs {
    fn limits(&self, best_of: u32) -> Done<AskLimits> {
        let deadline = match milliseconds("deadline", &self.deadline)? {
            0 => return Err(Failure::usage("limits", "use --deadline 0: an answer takes time")),
            ms => Some(Duration::from_millis(ms)),
        };
        let (tokens, cost_usd) = (self.max_tokens, self.max_cost);
        let usual = AskLimits::best_of(best_of);
        let (turns, code_attempts) = (self.max_turns, self.max_code_attempts.unwrap_or(usual.code_attempts));
        Ok(AskLimits { turns, code_attempts, tokens, cost_usd, deadline, ..usual })
    }
}

/// Asks; the exit code is in the command's help.
pub fn ask(args: &AskArgs, site: &Site) -> Done {
    // Everything that can be wrong with the request is found before anything is built or started.
    let limits = args.bounds.limits(args.best_of)?;
    let prompt = args.prompt.as_deref().map(question).transpose()?;
    let ready = Ready::check(args, site)?;
    let out = args.out.as_deref().map(OutDir::open).transpose()?;
    let mut signals = site.runtime.block_on(async { Signals::listen(super::editor::terminal_keeper()) })?;
    let mut teller = Teller::new(args, &ready, out);
    let title = ready.title();
    let chat = site.runtime.block_on(ready.open(site, &mut signals, &mut teller))?;
    let mut asking = Asking { site, chat, limits, signals: &mut signals };
    let exit = match &prompt {
        Some(prompt) => asking.answer(prompt, &mut teller)?,
        None => 0,
    };
    if args.interactive { talk::go_on(&mut asking, &mut teller, &title, exit) } else { Ok(exit) }
}

/// The text of a question.
fn question(given: &str) -> Done<String> {
    let text = if given == "-" { code::text(Path::new("-"), "the question")? } else { given.to_owned() };
    match text.trim() {
        "" => Err(Failure::usage("empty_prompt", "ask nothing: the question is empty")
            .hint("belljar ask \"How many …?\", or belljar ask - with the question on standard input")),
        trimmed => Ok(trimmed.to_owned()),
    }
}

/// A chat that questions can be put to.
struct Asking<'a> {
    site: &'a Site,
    chat: Chat,
    limits: AskLimits,
    signals: &'a mut Signals,
}

impl Asking<'_> {
    /// Puts one question and tells what happens. The first Ctrl-C cancels it; what comes after that ends everything.
    fn answer(&mut self, prompt: &str, teller: &mut Teller) -> Done {
        self.signals.reset();
        self.site.runtime.block_on(async {
            let mut answering = self.chat.ask(prompt, self.limits.clone());
            loop {
                let event = tokio::select! {
                    event = answering.next() => event,
                    came = self.signals.next() => match came {
                        Came::Interrupt => {
                            teller.stopping();
                            answering.cancel();
                            continue;
                        }
                        Came::End(number) => return Err(Failure::signal(number)),
                    },
                };
                let Some(event) = event else {
                    return Err(Failure::ours("no_answer", "learn how the question ended"));
                };
                let told = self.signals.during(teller.event(event), || answering.cancel()).await?;
                if let Some(answer) = told {
                    return Ok(exit(&answer, teller));
                }
            }
        })
    }
}

fn exit(answer: &Answer, teller: &mut Teller) -> u8 {
    // The answer is told already; standard output may have room for nothing else.
    if let Some(failure) = teller.unwritten() {
        render::failure(&failure);
        return failure.exit;
    }
    match answer.status {
        AnswerStatus::Ok | AnswerStatus::Degraded => 0,
        AnswerStatus::SandboxFailed => EXIT_MISSING,
        AnswerStatus::Cancelled => Failure::signal(2).exit,
        _ => EXIT_FAILED,
    }
}
