//! `belljar run`: code from a file, from standard input or from the command line, in a sandbox of its own.

use super::code::Code;
use super::download::OutDir;
use super::failure::{Done, Failure};
use super::options::SandboxArgs;
use super::pick::{self, Choice};
use super::running::{Order, RunThere, Running};
use super::signals::Signals;
use super::upload::Uploads;
use super::view::{Reader, Source, View};
use super::{Site, live::Live, policy};
use ::policy::Policy;
use bytes::Bytes;
use interpreter::{ExecuteRequest, Place, SandboxRequest, Settings, Stdin};
use std::ffi::OsString;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Run code in a fresh sandbox.
#[derive(Debug, clap::Args)]
pub struct RunArgs {
    /// The code's file, or - for standard input
    #[arg(value_name = "FILE", conflicts_with = "inline")]
    file: Option<PathBuf>,
    /// The code itself
    #[arg(short = 'c', value_name = "CODE", allow_hyphen_values = true)]
    inline: Option<OsString>,
    /// A file or directory that goes to /workspace (repeatable)
    #[arg(long = "file", value_name = "PATH")]
    uploads: Vec<PathBuf>,
    /// Where created and changed files and pictures go
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print one Outcome as JSON on standard output, nothing else
    #[arg(long, conflicts_with = "events")]
    pub json: bool,
    /// Print every Event as a line of JSON, as it happens
    #[arg(long)]
    pub events: bool,
    /// python, bash, javascript, typescript or r [default: by the file's name, else python]
    #[arg(long, value_name = "NAME")]
    language: Option<String>,
    /// Pass standard input to the code; otherwise it reads end of file
    #[arg(long)]
    stdin: bool,
    /// Start everything anew, also where `belljar serve` runs on the same data folder and has a sandbox ready
    #[arg(long)]
    alone: bool,
    /// What code may do: open, standard, strict, or a policy's TOML file [default: the configuration's, else standard]
    #[arg(long, value_name = "NAME|FILE")]
    policy: Option<String>,
    #[command(flatten)]
    sandbox: SandboxArgs,
}

impl RunArgs {
    /// Who reads standard output.
    pub fn reader(&self) -> Reader {
        match (self.json, self.events) {
            (true, _) => Reader::Json,
            (_, true) => Reader::Events,
            _ => Reader::Person,
        }
    }
}

impl RunArgs {
    /// Whether a server could do exactly this: nothing passes in or out but code and what it says, and nothing is set
    /// that only this command knows.
    fn could_run_there(&self, policy: &Policy) -> bool {
        let passes = !self.uploads.is_empty() || self.out.is_some() || self.stdin;
        let own_containers = self.sandbox.image.is_some() || self.sandbox.runtime.is_some();
        let named = Policy::preset(policy.name()).is_some_and(|preset| preset == *policy);
        !self.alone && !passes && !own_containers && named
    }
}

/// Begins a run on the server of this data folder, where there is one that does it.
async fn begin_there(site: &Site, order: &Order<'_>) -> Done<Option<RunThere>> {
    let data_dir = site.data_dir()?;
    let Some(running) = Running::find(&data_dir).await else { return Ok(None) };
    Ok(running.begin(order, &data_dir).await)
}

/// Runs it; gives back the code's exit code.
pub fn run(args: &RunArgs, site: &Site) -> Done {
    if args.stdin && args.file.as_deref() == Some("-".as_ref()) {
        let failure = Failure::usage("stdin_twice", "read both the code and its input from standard input");
        return Err(failure.hint("put the code into a file, or give it with -c"));
    }
    // Everything that can be wrong with the request is found before anything is built or started.
    let code = Code::read(args.file.as_deref(), args.inline.as_ref(), args.language.as_deref())?;
    let uploads = Uploads::collect(&args.uploads)?;
    let policy = Arc::new(policy::choose(args.policy.as_deref(), site)?);
    let denied = ::policy::check(&policy, code.language, &code.text).denied;
    let choice = match &args.sandbox.template {
        Some(name) => Choice { template: name.clone(), because: None },
        None => pick::choose(&code.text, code.language),
    };
    let request = args.sandbox.request(&choice.template)?;
    uploads.check(&request.limits)?;
    let out = args.out.as_deref().map(OutDir::open).transpose()?;
    let mut view = View::new(args.reader(), out, &choice.template);
    view.source =
        Some(Source { label: code.label, code: code.text.clone(), policy: policy.name().to_owned() });
    if let (Some(module), Reader::Person) = (&choice.because, args.reader()) {
        let name = &choice.template;
        view.screen
            .note(&format!("template {name}, because of `import {module}` (--template NAME decides)"))?;
    }
    let settings = Settings { policy: policy.clone(), ..args.sandbox.settings(site)? };
    let there = args.could_run_there(&policy);
    site.runtime.block_on(async {
        let mut signals = Signals::listen(|| {})?;
        if there {
            let order = Order {
                code: &code.text,
                language: code.language,
                sandbox: &SandboxRequest { backend: settings.backend.clone(), ..request.clone() },
                require: args.sandbox.require.as_deref(),
                chosen: args.sandbox.template.is_some(),
                policy: policy.name(),
            };
            if let Some(run) = begin_there(site, &order).await? {
                let outcome = run.follow(&mut view, &mut signals).await?;
                return Ok(outcome.exit_code as u8);
            }
        }
        let live = signals.unless(Live::open(site, &request, settings)).await?;
        // Files before or after need a sandbox that is there before and after. Denied code needs none.
        let place = if denied || uploads.entries.is_empty() && args.out.is_none() {
            Place::Fresh(request)
        } else {
            Place::Sandbox(signals.unless(live.sandbox(request, &uploads)).await?)
        };
        let mut execute = ExecuteRequest::new(code.text, code.language, place);
        if args.stdin {
            execute.stdin = Stdin::Piped(pass_stdin());
        }
        let execution = signals.unless(live.execute(execute)).await?;
        let outcome = view.follow(execution, &mut signals).await?;
        // A process can only end with the lowest eight bits, as the kernel takes them.
        Ok(outcome.exit_code as u8)
    })
}

/// Our standard input, read by a thread of its own: a read that never ends must not keep us from ending.
fn pass_stdin() -> mpsc::Receiver<Bytes> {
    let (sender, receiver) = mpsc::channel(4);
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(count @ 1..) = std::io::stdin().lock().read(&mut buffer) {
            if sender.blocking_send(Bytes::copy_from_slice(&buffer[..count])).is_err() {
                break;
            }
        }
    });
    receiver
}
