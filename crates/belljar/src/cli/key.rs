//! `belljar key`: makes, lists and revokes keys of the server.

use super::Site;
use super::failure::{Done, EXIT_OURS, EXIT_USAGE, Failure};
use crate::render::{self, table::aligned, terminal};
use chrono::{DateTime, Utc};
use desk::{Key, KeyError, KeyLimits, Keys, NewKey, Scope, to_e2b};
use serde_json::{Value, json};
use std::time::Duration;

/// Make, list and revoke keys of `belljar serve`.
#[derive(Debug, clap::Args)]
pub struct KeyArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make a key, which is shown this once
    Create(CreateArgs),
    /// List keys, without what they open
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// A key opens nothing any more
    Revoke {
        /// What the key begins with, or its name
        #[arg(value_name = "PREFIX|NAME")]
        key: String,
    },
}

#[derive(Debug, clap::Args)]
struct CreateArgs {
    /// What you call it
    #[arg(value_name = "NAME")]
    name: String,
    /// How long it is good: 90s, 45m, 12h, 30d or 8w [default: until it is revoked]
    #[arg(long, value_name = "TIME", value_parser = super::log::age)]
    expires: Option<Duration>,
    /// What it opens: execute, answer (questions to a model), journal, metrics (repeatable) [default: execute and journal]
    #[arg(long, value_name = "SCOPE")]
    scope: Vec<Scope>,
    /// Requests per second, in the long run
    #[arg(long, value_name = "N")]
    requests_per_second: Option<f64>,
    /// Requests at once after a pause
    #[arg(long, value_name = "N")]
    burst: Option<u32>,
    /// Executions at once
    #[arg(long, value_name = "N")]
    executions: Option<u32>,
    /// Sandboxes that are kept at once
    #[arg(long, value_name = "N")]
    sandboxes: Option<u32>,
    /// CPU time in one day, in seconds
    #[arg(long, value_name = "SECS")]
    cpu_seconds_per_day: Option<u64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl KeyArgs {
    /// True when a program reads standard output.
    pub fn json(&self) -> bool {
        match &self.command {
            Command::Create(args) => args.json,
            Command::List { json } => *json,
            Command::Revoke { .. } => false,
        }
    }
}

/// Where the keys of a data folder are.
pub fn keys(site: &Site) -> Done<Keys> {
    Ok(Keys::at(site.data_dir()?.join("keys.json")))
}

/// Carries out one of them.
pub fn key(args: &KeyArgs, site: &Site) -> Done {
    let keys = keys(site)?;
    let text = match &args.command {
        Command::Create(args) => create(args, &keys)?,
        Command::List { json } => list(&keys.list().map_err(failure)?, *json),
        Command::Revoke { key } => {
            let revoked = keys.revoke(key).map_err(failure)?;
            format!("revoked {} ({})\n", revoked.prefix, terminal::name(&revoked.name))
        }
    };
    render::print(&text)?;
    Ok(0)
}

fn create(args: &CreateArgs, keys: &Keys) -> Done<String> {
    if args.requests_per_second.is_some_and(|rate| !(rate > 0.0 && rate.is_finite())) {
        return Err(Failure::usage("limits", "use this --requests-per-second: expected a number above 0"));
    }
    let scopes = match args.scope.as_slice() {
        [] => vec![Scope::Execute, Scope::Journal],
        scopes => scopes.to_vec(),
    };
    let limits = KeyLimits {
        requests_per_second: args.requests_per_second,
        burst: args.burst,
        executions: args.executions,
        sandboxes: args.sandboxes,
        cpu_seconds_per_day: args.cpu_seconds_per_day,
    };
    let expires_at = args.expires.map(|time| Utc::now() + time);
    let (key, whole) =
        keys.create(NewKey { name: args.name.clone(), expires_at, scopes, limits }).map_err(failure)?;
    if args.json {
        let mut shown = described(&key);
        shown["e2b_key"] = to_e2b(&whole).into();
        shown["key"] = whole.into();
        return Ok(format!("{shown}\n"));
    }
    render::tell(&format!(
        "this key is shown only now; {} is enough to recognise it\nclients of E2B take it as {}\n",
        key.prefix,
        to_e2b(&whole)
    ))?;
    Ok(format!("{whole}\n"))
}

fn described(key: &Key) -> Value {
    json!({
        "prefix": key.prefix, "name": key.name, "caller": key.caller, "created_at": key.created_at,
        "expires_at": key.expires_at, "revoked_at": key.revoked_at, "good": key.is_good(), "scopes": key.scopes,
        "limits": key.limits,
    })
}

fn list(keys: &[Key], json: bool) -> String {
    if json {
        return format!("{}\n", Value::from(keys.iter().map(described).collect::<Vec<_>>()));
    }
    if keys.is_empty() {
        return "no keys: `belljar key create NAME` makes one\n".to_owned();
    }
    let day = |at: DateTime<Utc>| at.format("%Y-%m-%d").to_string();
    let row = |key: &Key| {
        let until = match (key.revoked_at, key.expires_at) {
            (Some(at), _) => format!("revoked {}", day(at)),
            (None, Some(at)) if !key.is_good() => format!("expired {}", day(at)),
            (None, Some(at)) => format!("until {}", day(at)),
            (None, None) => "good".to_owned(),
        };
        let scopes = key.scopes.iter().map(Scope::to_string).collect::<Vec<_>>().join(" ");
        vec![key.prefix.clone(), terminal::name(&key.name), until, scopes]
    };
    aligned(&keys.iter().map(row).collect::<Vec<_>>())
}

/// An error of the keys as this program reports it.
pub fn failure(error: KeyError) -> Failure {
    let (code, exit, hint) = match &error {
        KeyError::Read { .. } => {
            ("keys_unread", EXIT_OURS, "check the file; --data-dir names another folder")
        }
        KeyError::Write { .. } => ("keys_unwritten", EXIT_OURS, "check who may write the data folder"),
        KeyError::Name(_) => ("key_name", EXIT_USAGE, "for example `belljar key create ci`"),
        KeyError::Unknown(_) => ("key_unknown", EXIT_USAGE, "`belljar key list` lists them"),
    };
    Failure { code, message: error.to_string(), hint: Some(hint.to_owned()), exit }
}
