//! `belljar mcp`: the interpreter as MCP tools for the program that started it, over standard input and output.

use super::failure::{Done, Failure};
use super::live::failure;
use super::options::{SandboxArgs, TEMPLATE};
use super::signals::{Came, Signals};
use super::{Site, model, policy};
use crate::mcp::{Setup, Shared, stdio};
use crate::render;
use ::policy::Policy;
use agent::model::Model;
use desk::{Ceiling, Desk, KeyLimits, Machine, Visitor};
use interpreter::{Interpreter, Preload, SandboxRequest, Settings};
use journal::Journal;
use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

/// Calls that wait for their turn, and how long.
const WAITING_MAX: usize = 64;
const WAIT_MAX: Duration = Duration::from_secs(600);
/// How long a sandbox is kept unused whose call does not say.
const TTL: Duration = Duration::from_secs(900);

/// Serve MCP clients over standard input and output.
#[derive(Debug, clap::Args)]
pub struct McpArgs {
    /// The model of the tool `ask`, as for `belljar ask` [default: the configuration's; without one, there is no such
    /// tool]
    #[arg(long, value_name = "SPEC")]
    model: Option<String>,
    /// What code may do: open, standard, strict, or a policy's TOML file [default: the configuration's, else standard]
    #[arg(long, value_name = "NAME|FILE")]
    policy: Option<String>,
    /// Sandboxes that are kept at once
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1000))]
    sandboxes: u16,
    /// Calls that run something at once; others wait
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=1000))]
    running: u16,
    #[command(flatten)]
    sandbox: SandboxArgs,
}

/// Serves until the client closes standard input.
pub fn mcp(args: &McpArgs, site: &Site) -> Done {
    let template = args.sandbox.template.as_deref().unwrap_or(TEMPLATE);
    let room = args.sandbox.request(template)?;
    let policy = Arc::new(policy::choose(args.policy.as_deref(), site)?);
    let model = model::answering(args.model.as_deref(), site)?;
    if std::io::stdin().is_terminal() {
        note("This speaks MCP on standard input and output: an MCP client has to start it. Ctrl-C ends it.");
    }
    site.runtime.block_on(async {
        let mut signals = Signals::listen(|| {})?;
        let shared = Shared::open(setup(args, site, Plan { room, policy, model }).await?);
        let running = KeyLimits { executions: Some(args.running.into()), ..KeyLimits::default() };
        let visitor = Visitor::limited(running);
        let building = shared.clone();
        // Its failure is told to the call that needs the template.
        tokio::spawn(async move { building.prepare().await });
        let served = tokio::select! {
            served = stdio::serve(&shared, visitor) => served,
            came = signals.next() => Err(match came {
                Came::Interrupt => Failure::signal(2),
                Came::End(number) => Failure::signal(number),
            }),
        };
        shared.desk.kill().await;
        shared.desk.close(Duration::ZERO).await;
        served.map(|()| 0)
    })
}

/// What was asked for, checked.
struct Plan {
    room: SandboxRequest,
    policy: Arc<Policy>,
    model: Option<Arc<dyn Model>>,
}

async fn setup(args: &McpArgs, site: &Site, plan: Plan) -> Done<Setup> {
    let Plan { room, policy, model } = plan;
    let store = site.store()?;
    if let Some(name) = &room.template {
        let listing = store.show(name).map_err(super::live::template_failure)?;
        if listing.built.is_none() {
            note(&format!(
                "The template {name} is built first; calls wait for it. `belljar template build {name}` does it ahead of time."
            ));
        }
    }
    let settings =
        Settings { preload: Preload::Full, policy: policy.clone(), ..args.sandbox.settings(site)? };
    let interpreter = Interpreter::open(settings).map_err(failure)?;
    let machine = Machine::look();
    let settings = desk::Settings {
        machine,
        // Whoever starts this owns the machine.
        ceiling: Ceiling::of(machine.memory_bytes),
        waiting_max: WAITING_MAX,
        wait_max: WAIT_MAX,
        sandboxes_max: args.sandboxes.into(),
        ttl: TTL,
        policy,
        journal: journal(site).await?,
        locks: site.data_dir()?.join("servers"),
        warm: Vec::new(),
    };
    Ok(Setup { desk: Desk::open(interpreter, settings).await, store, room, model })
}

/// For whoever looks at standard error; nobody has to.
fn note(text: &str) {
    let _ = render::tell(&format!("{text}\n"));
}

async fn journal(site: &Site) -> Done<Option<Journal>> {
    match Journal::open(&site.journal_path()?).await {
        Ok(journal) => Ok(Some(journal)),
        Err(error) => {
            note(&format!("Nothing is written to the journal: cannot {error}"));
            Ok(None)
        }
    }
}
