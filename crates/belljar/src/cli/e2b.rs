//! `belljar e2b check`: which versions of the E2B SDKs are verified, which are installed here, and whether those that are
//! get along with a running server.

use super::failure::Done;
use crate::render::{self, table::aligned};
use serde::{Deserialize, Serialize};
use std::process::{Command, Stdio};

/// Versions of `e2b` that the tests of this repository run with, the newest first; the code interpreter's beside them.
pub const VERIFIED: [Verified; 2] = [
    Verified {
        language: "python",
        package: "e2b-code-interpreter",
        versions: &[("2.63.0", "2.11.5"), ("2.46.0", "2.9.2"), ("2.25.0", "2.7.0")],
    },
    Verified {
        language: "javascript",
        package: "@e2b/code-interpreter",
        versions: &[("2.51.0", "2.8.0"), ("2.45.0", "2.7.1"), ("2.20.1", "2.4.2")],
    },
];
const CHECK_PYTHON: &str = include_str!("e2b_check.py");
const CHECK_JAVASCRIPT: &str = include_str!("e2b_check.cjs");
/// Any key does where none is needed.
const ANY_KEY: &str = "e2b_0000000000000000000000000000000000000000";

/// The versions of one SDK that are verified.
pub struct Verified {
    language: &'static str,
    package: &'static str,
    /// Of `e2b`, and of the package.
    versions: &'static [(&'static str, &'static str)],
}

/// What clients of E2B find here.
#[derive(Debug, clap::Args)]
pub struct E2bArgs {
    #[command(subcommand)]
    command: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Show which versions of the SDKs are verified, and try those that are installed here
    Check {
        /// The server to try them with; a key for it in E2B_API_KEY
        #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7070")]
        url: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

impl E2bArgs {
    /// True when a program reads standard output.
    pub fn json(&self) -> bool {
        let Action::Check { json, .. } = &self.command;
        *json
    }
}

/// What an SDK did.
#[derive(Debug, Default, Deserialize, Serialize)]
struct Tried {
    /// Of `e2b`; absent where it is not installed.
    version: Option<String>,
    #[serde(default)]
    steps: Vec<Step>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Step {
    name: String,
    ms: f64,
    /// Why it failed, where it did.
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct Found {
    language: &'static str,
    package: &'static str,
    verified: Vec<&'static str>,
    is_verified: bool,
    #[serde(flatten)]
    tried: Tried,
}

/// Carries it out. Ends with 1 where an SDK that is installed does not get along.
pub fn e2b(args: &E2bArgs) -> Done {
    let Action::Check { url, json } = &args.command;
    let found: Vec<Found> = VERIFIED
        .iter()
        .map(|one| {
            let tried = attempt(one.language, url);
            let verified: Vec<&str> = one.versions.iter().map(|(version, _)| *version).collect();
            let is_verified = tried.version.as_deref().is_some_and(|version| verified.contains(&version));
            Found { language: one.language, package: one.package, verified, is_verified, tried }
        })
        .collect();
    let failed = found.iter().any(|one| one.tried.steps.iter().any(|step| step.error.is_some()));
    match json {
        true => render::print(&format!("{}\n", serde_json::to_value(&found).unwrap_or_default()))?,
        false => render::print(&table(&found, url))?,
    }
    Ok(failed.into())
}

/// Runs a small program with the SDK of this language, where it is installed.
fn attempt(language: &str, url: &str) -> Tried {
    let mut command = match language {
        "python" => Command::new("python3"),
        _ => Command::new("node"),
    };
    match language {
        "python" => command.args(["-W", "ignore", "-c", CHECK_PYTHON]),
        _ => command.args(["-e", CHECK_JAVASCRIPT]),
    };
    command.env("E2B_API_URL", url).env("E2B_SANDBOX_URL", url).stdin(Stdio::null());
    if std::env::var_os("E2B_API_KEY").is_none() {
        command.env("E2B_API_KEY", ANY_KEY);
    }
    let output = command.output();
    output.ok().and_then(|output| serde_json::from_slice(&output.stdout).ok()).unwrap_or_default()
}

fn table(found: &[Found], url: &str) -> String {
    let mut rows = vec![["SDK", "verified", "here", "with this server"].map(str::to_owned).to_vec()];
    for one in found {
        let here = match (&one.tried.version, one.is_verified) {
            (None, _) => "not installed".to_owned(),
            (Some(version), true) => version.clone(),
            (Some(version), false) => format!("{version} (not verified)"),
        };
        let steps: Vec<String> = one.tried.steps.iter().map(said).collect();
        rows.push(vec![one.package.to_owned(), one.verified.join(" "), here, steps.join(", ")]);
    }
    format!("{}server: {url}\n", aligned(&rows))
}

fn said(step: &Step) -> String {
    match &step.error {
        None => format!("{} {:.0} ms", step.name, step.ms),
        Some(error) => format!("{} failed: {}", step.name, error.lines().next().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::VERIFIED;

    #[test]
    fn the_guide_names_the_versions_that_are_verified() {
        let guide = include_str!("../../../../docs/guides/e2b.md");
        for one in VERIFIED {
            for (e2b, package) in one.versions {
                let row = format!("| {} | {e2b} | {package} |", one.language);
                assert!(guide.contains(&row), "{row}");
            }
        }
    }
}
