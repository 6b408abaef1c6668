//! `belljar serve`: the HTTP server, from its options to its last breath.

use super::failure::{Done, Failure, reason};
use super::live::Live;
use super::options::{SandboxArgs, TEMPLATE, size};
use super::{Site, key, log, model, policy, running};
use crate::http::{self, Doors, Gate, Mcp, Models, Served, Shared};
use crate::mcp;
use ::journal::Journal;
use ::policy::Policy;
use desk::{Ceiling, Desk, Keys, Machine, Settings};
use interpreter::{PoolSettings, Preload, SandboxRequest, Stock};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// How many times the floor are ready at most, and so many in any case, where nobody says otherwise.
const WARM_TIMES: u16 = 4;
const WARM_MAX: u16 = 8;
/// The part of the machine's memory that they may have then.
const WARM_MEMORY_PART: u64 = 10;

/// Serve code execution over HTTP.
#[derive(Debug, clap::Args)]
pub struct ServeArgs {
    /// Where to listen; anywhere but on this machine alone only with keys
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7070")]
    listen: SocketAddr,
    /// Take no request without a key, not even from this machine
    #[arg(long)]
    require_key: bool,
    /// A name under which this server is known (repeatable)
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<String>,
    /// An origin whose pages may call this server, with its scheme (repeatable)
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<String>,
    /// What code may do whose request does not say: open, standard, strict, or a policy's TOML file
    #[arg(long, value_name = "NAME|FILE")]
    policy: Option<String>,
    /// Sandboxes that are ready before anybody asks for them
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(..=1000))]
    warm: u16,
    /// How many are ready at most when many are asked for [default: four times --warm, 8 at least; none where that is 0]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(..=1000))]
    warm_max: Option<u16>,
    /// Memory of all that are ready together, at most; one of each kind may be ready in any case [default: a tenth of the
    /// machine's]
    #[arg(long, value_name = "SIZE")]
    warm_memory: Option<String>,
    /// Sandboxes that are kept at once
    #[arg(long, value_name = "N", default_value_t = 100)]
    sandboxes: usize,
    /// How long a sandbox is kept without being used, where its request does not say, in seconds
    #[arg(long, value_name = "SECS", default_value_t = 300)]
    ttl: u64,
    /// Requests that wait for their turn at once
    #[arg(long, value_name = "N", default_value_t = 1000)]
    queue: usize,
    /// How long a request waits for its turn, in seconds
    #[arg(long, value_name = "SECS", default_value_t = 30)]
    queue_wait: u64,
    /// How long executions may still run after a signal to stop, in seconds
    #[arg(long, value_name = "SECS", default_value_t = 10)]
    grace: u64,
    /// The model that answers questions, as for `belljar ask` [default: the configuration's; without one, nobody does].
    /// Requests may name those of the configuration, too
    #[arg(long, value_name = "SPEC")]
    model: Option<String>,
    /// The domain below which clients of E2B look for ports of sandboxes, as `3000-ID.DOMAIN` [default: localhost with
    /// the port of `--listen`]
    #[arg(long, value_name = "DOMAIN")]
    e2b_domain: Option<String>,
    /// Sandboxes that are ready before clients of E2B ask for them
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(..=1000))]
    e2b_warm: u16,
    /// Write no journal
    #[arg(long)]
    no_journal: bool,
    /// Log lines as JSON
    #[arg(long)]
    log_json: bool,
    #[command(flatten)]
    sandbox: SandboxArgs,
}

impl ServeArgs {
    /// How many sandboxes of a kind are ready.
    fn stock(&self, floor: u16) -> Stock {
        let usual = if floor == 0 { 0 } else { (floor * WARM_TIMES).max(WARM_MAX) };
        Stock { floor: floor.into(), ceiling: self.warm_max.unwrap_or(usual).max(floor).into() }
    }

    /// The memory that they may have together, in bytes.
    fn warm_memory(&self, machine: Machine) -> Done<u64> {
        let given = self.warm_memory.as_deref().map(|text| size("warm-memory", text)).transpose()?;
        Ok(given.unwrap_or(machine.memory_bytes / WARM_MEMORY_PART))
    }
}

/// Serves until a signal comes.
pub fn serve(args: &ServeArgs, site: &Site) -> Done {
    let keys = key::keys(site)?;
    let open = check_keys(args, &keys)?;
    log_to_stderr(args.log_json);
    let policy = Arc::new(policy::choose(args.policy.as_deref(), site)?);
    let models = models(args, site)?;
    let room = args.sandbox.request(args.sandbox.template.as_deref().unwrap_or(TEMPLATE))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Failure::ours("runtime", format!("start threads: {}", reason(&error))))?;
    let done = runtime.block_on(run(args, site, Access { keys, open }, Rules { room, policy, models }));
    runtime.shutdown_timeout(Duration::from_millis(500));
    done.map(|()| 0)
}

/// Who may come in.
struct Access {
    keys: Keys,
    open: bool,
}

/// What holds where a request says nothing.
struct Rules {
    room: SandboxRequest,
    policy: Arc<Policy>,
    models: Models,
}

/// Whether requests without a key are taken. Nobody listens to the world without keys.
fn check_keys(args: &ServeArgs, keys: &Keys) -> Done<bool> {
    let loopback = args.listen.ip().is_loopback();
    let open = loopback && !args.require_key;
    if !open && !keys.any_good().map_err(key::failure)? {
        let message = format!(
            "listen on {}: everybody who reaches it could run code, and there is no key",
            args.listen
        );
        return Err(Failure::usage("no_keys", message).hint("`belljar key create NAME` makes one"));
    }
    Ok(open)
}

async fn run(args: &ServeArgs, site: &Site, access: Access, rules: Rules) -> Done<()> {
    let mut signals = Signals::listen()?;
    let connections = raise_descriptors();
    let Rules { room, policy, mut models } = rules;
    let desk = open_desk(args, site, &room, policy).await?;
    models.libraries = mcp::libraries(&site.store()?, room.template.as_deref());
    let listener = http::bind(args.listen).map_err(|error| {
        Failure::ours("listen", format!("listen on {}: {}", args.listen, reason(&error)))
            .hint("--listen names another address")
    })?;
    let place = listener.local_addr().unwrap_or(args.listen);
    let gate = Gate {
        hosts: names(args, place),
        checks_hosts: access.open || !args.allow_host.is_empty(),
        origins: args.allow_origin.clone(),
    };
    let mcp = open_mcp(site, desk.clone(), room.clone(), &models)?;
    let e2b_room = e2b_room(&room);
    let e2b_domain = args.e2b_domain.clone().unwrap_or_else(|| format!("localhost:{}", place.port()));
    let keys = access.keys;
    let shared = Shared { desk, mcp, models, keys, gate, open: access.open, room, e2b_room, e2b_domain };
    let doors = Doors::open(listener, &site.data_dir()?.join(running::SOCKET));
    crate::render::tell(&format!("listening on http://{place} (reference: http://{place}/docs)\n"))?;
    let (counted, mut stop) = watch::channel(0);
    let mut hurry = counted.subscribe();
    tokio::spawn(async move {
        while signals.next().await {
            counted.send_modify(|count| *count += 1);
        }
    });
    let stop = async move { drop(stop.wait_for(|count| *count >= 1).await) };
    let hurry = async move { drop(hurry.wait_for(|count| *count >= 2).await) };
    let bounds = http::Bounds { connections, grace: Duration::from_secs(args.grace) };
    http::listen(doors, Served::new(shared), bounds, stop, hurry).await;
    Ok(())
}

/// The tools for MCP clients, in front of the same desk.
fn open_mcp(site: &Site, desk: Desk, room: SandboxRequest, models: &Models) -> Done<Mcp> {
    Ok(Mcp::new(mcp::Shared::open(mcp::Setup {
        desk,
        store: site.store()?,
        room,
        model: models.default.clone(),
    })))
}

/// The model of requests that name none, and those that they may name.
fn models(args: &ServeArgs, site: &Site) -> Done<Models> {
    let mut models = Models::default();
    for name in site.config()?.models.keys() {
        match model::open(Some(name), site) {
            Ok(opened) => drop(models.named.insert(name.clone(), opened)),
            Err(failure) => tracing::warn!("the model {name} is not offered: cannot {}", failure.message),
        }
    }
    models.default = model::answering(args.model.as_deref(), site)?;
    if let Some(default) = &models.default {
        models.named.insert(default.name().to_owned(), default.clone());
    }
    Ok(models)
}

/// Clients of E2B keep their files at home, and are shown the pictures that they save.
fn e2b_room(room: &SandboxRequest) -> SandboxRequest {
    let mut room = SandboxRequest { home_is_workspace: true, ..room.clone() };
    room.env.insert("BELLJAR_SHOW_SAVED".to_owned(), "1".to_owned());
    room
}

fn names(args: &ServeArgs, place: SocketAddr) -> Vec<String> {
    let own = match place {
        SocketAddr::V4(place) => place.ip().to_string(),
        SocketAddr::V6(place) => format!("[{}]", place.ip()),
    };
    // Clients of E2B that know a domain alone ask the control plane at `api.DOMAIN`.
    let domain = args.e2b_domain.iter().map(|domain| format!("api.{}", http::without_port(domain)));
    let given = args.allow_host.iter().cloned().chain(domain);
    given.map(|name| name.to_ascii_lowercase()).chain([own]).collect()
}

async fn open_desk(args: &ServeArgs, site: &Site, room: &SandboxRequest, policy: Arc<Policy>) -> Done<Desk> {
    let data_dir = site.data_dir()?;
    let journal = match args.no_journal {
        true => None,
        false => Some(Journal::open(&site.journal_path()?).await.map_err(log::journal_failure)?),
    };
    let machine = Machine::look();
    let settings = interpreter::Settings {
        preload: Preload::Full,
        policy: policy.clone(),
        pool: PoolSettings { memory_bytes_max: args.warm_memory(machine)?, ..PoolSettings::default() },
        ..args.sandbox.settings(site)?
    };
    let interpreter = Live::open(site, room, settings).await?.interpreter();
    let settings = Settings {
        machine,
        ceiling: Ceiling::of(machine.promised().memory_bytes),
        waiting_max: args.queue,
        wait_max: Duration::from_secs(args.queue_wait),
        sandboxes_max: args.sandboxes,
        ttl: Duration::from_secs(args.ttl),
        policy,
        journal,
        locks: data_dir.join("servers"),
        warm: vec![(room.clone(), args.stock(args.warm)), (e2b_room(room), args.stock(args.e2b_warm))],
    };
    Ok(Desk::open(interpreter, settings).await)
}

/// Lets this process have as many descriptors as it may; gives back how many connections fit.
pub fn raise_descriptors() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    let now = getrlimit(Resource::Nofile).current.unwrap_or(1 << 20);
    usize::try_from(now / 2).unwrap_or(512).clamp(64, 16_384)
}

fn log_to_stderr(json: bool) {
    use tracing_subscriber::EnvFilter;
    let asked = std::env::var("BELLJAR_LOG").unwrap_or_else(|_| "info".to_owned());
    // The library of the Model Context Protocol calls it an error when a client goes away.
    let quiet = if asked.contains("rmcp") { "" } else { "rmcp=off," };
    let filter = EnvFilter::try_new(format!("{quiet}{asked}")).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Fails where somebody has set one already; that one is as good.
    let _ = match json {
        true => builder.json().try_init(),
        false => builder.with_ansi(false).with_target(false).try_init(),
    };
}

/// SIGINT, SIGTERM and SIGHUP: the first one stops, the second one hurries.
struct Signals([Signal; 3]);

impl Signals {
    fn listen() -> Done<Signals> {
        let open = |kind| {
            signal(kind)
                .map_err(|error| Failure::ours("signals", format!("listen to signals: {}", reason(&error))))
        };
        Ok(Signals([
            open(SignalKind::interrupt())?,
            open(SignalKind::terminate())?,
            open(SignalKind::hangup())?,
        ]))
    }

    async fn next(&mut self) -> bool {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            came = interrupt.recv() => came.is_some(),
            came = terminate.recv() => came.is_some(),
            came = hangup.recv() => came.is_some(),
        }
    }
}
