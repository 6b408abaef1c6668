//! `belljar policy`: checks code without running it, shows policies, explains rules.

use super::Site;
use super::code::Code;
use super::failure::{Done, EXIT_DENIED, Failure, reason};
use crate::render::{
    self, findings,
    table::aligned,
    terminal::{self, BOLD, CYAN, FAINT, Look},
};
use policy::{PRESETS, Policy, Rule, Verdict};
use protocol::FindingKind;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Check code without running it; show policies; explain rules.
#[derive(Debug, clap::Args)]
pub struct PolicyArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Check files; exit code 126 when one is denied, else 0
    Check {
        /// Files of code, or - for standard input
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
        /// open, standard, strict, or a policy's TOML file [default: the configuration's, else standard]
        #[arg(long, value_name = "NAME|FILE")]
        policy: Option<String>,
        /// python, bash, javascript, typescript or r [default: by the file's name, else python]
        #[arg(long, value_name = "NAME")]
        language: Option<String>,
        /// Print verdicts as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print a policy as TOML; without a name, list those that are built in
    Show {
        /// open, standard, strict, or a policy's TOML file
        #[arg(value_name = "NAME|FILE")]
        policy: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Explain a rule; without one, list them
    Explain {
        /// The rule's id, as findings name it
        #[arg(value_name = "RULE")]
        rule: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

impl PolicyArgs {
    /// True when a program reads standard output.
    pub fn json(&self) -> bool {
        match &self.command {
            Command::Check { json, .. } | Command::Show { json, .. } | Command::Explain { json, .. } => *json,
        }
    }
}

/// Checks, shows or explains.
pub fn policy(args: &PolicyArgs, site: &Site) -> Done {
    let text = match &args.command {
        Command::Check { files, policy, language, json } => {
            return check(files, &choose(policy.as_deref(), site)?, language.as_deref(), *json);
        }
        Command::Show { policy: None, json } => list(*json),
        Command::Show { policy: Some(name), json } => show(&named(name)?, *json),
        Command::Explain { rule: None, json } => rules(*json),
        Command::Explain { rule: Some(id), json } => explain(id, *json)?,
    };
    render::print(&text)?;
    Ok(0)
}

/// The policy that was asked for, else the configuration's, else the standard one.
pub fn choose(given: Option<&str>, site: &Site) -> Done<Policy> {
    match given {
        Some(name) => named(name),
        None => site.config()?.policy.as_deref().map_or_else(|| Ok(Policy::default()), named),
    }
}

/// True for what can only be a policy's file, not a name.
pub fn is_file(name: &str) -> bool {
    name.contains('/') || name.ends_with(".toml")
}

fn named(name: &str) -> Done<Policy> {
    if let Some(policy) = Policy::preset(name) {
        return Ok(policy);
    }
    let label = terminal::name(name);
    if !is_file(name) {
        let failure = Failure::usage("policy_unknown", format!("find a policy named {label:?}"));
        return Err(failure.hint(format!("use {}, or the path of a policy's TOML file", PRESETS.join(", "))));
    }
    let text = std::fs::read_to_string(name).map_err(|error| {
        Failure::usage("policy_unreadable", format!("read the policy {label}: {}", reason(&error)))
            .hint("`belljar policy show strict` prints a policy to begin with")
    })?;
    Policy::from_toml(&label, &text)
        .map_err(|error| Failure::usage("policy", error.to_string()).hint(error.hint.clone()))
}

/// Code of one file and what was found in it.
struct Checked {
    code: Code,
    verdict: Verdict,
}

fn check(files: &[PathBuf], policy: &Policy, language: Option<&str>, json: bool) -> Done {
    let check = |path: &PathBuf| -> Done<Checked> {
        let code = Code::read(Some(path), None, language)?;
        let verdict = policy::check(policy, code.language, &code.text);
        Ok(Checked { code, verdict })
    };
    let checked = files.iter().map(check).collect::<Done<Vec<Checked>>>()?;
    let denied = checked.iter().any(|one| one.verdict.denied);
    if json {
        let files: Vec<Value> = checked.iter().map(Checked::to_json).collect();
        let verdict = json!({"policy": policy.name(), "denied": denied, "files": files});
        render::print(&format!("{verdict}\n"))?;
    } else {
        let look = Look::stdout();
        let shown =
            |one: &Checked| findings::block(&one.code.label, &one.code.text, &one.verdict.findings, look);
        render::print(&checked.iter().map(shown).collect::<String>())?;
        render::tell(&Look::stderr().paint(FAINT, &summary(policy, &checked)))?;
    }
    Ok(if denied { EXIT_DENIED } else { 0 })
}

impl Checked {
    fn to_json(&self) -> Value {
        let Verdict { denied, findings } = &self.verdict;
        json!({"file": self.code.label, "language": self.code.language, "denied": denied, "findings": findings})
    }
}

fn summary(policy: &Policy, checked: &[Checked]) -> String {
    let denied = checked.iter().filter(|one| one.verdict.denied).count();
    let all = || checked.iter().flat_map(|one| &one.verdict.findings);
    let against = all().filter(|finding| finding.kind == FindingKind::Denied).count();
    let others = all().count() - against;
    let files = if checked.len() == 1 { "1 file".to_owned() } else { format!("{} files", checked.len()) };
    let verdict = match denied {
        0 => "allowed".to_owned(),
        _ if checked.len() == 1 => "denied".to_owned(),
        some => format!("{some} denied"),
    };
    let found = match (against, others) {
        (0, 0) => String::new(),
        (against, 0) => format!(", {against} found against it"),
        (0, others) => format!(", {others} by the way"),
        (against, others) => format!(", {against} found against it, {others} by the way"),
    };
    format!("policy {}: {files} {verdict}{found}\n", terminal::name(policy.name()))
}

fn list(json: bool) -> String {
    let summary = |name: &str| match name {
        "open" => "nothing is denied and nothing is said",
        "standard" => "nothing is denied that a sandbox holds anyway; what may fail there is said",
        _ => "only named modules, no code in strings, no way to the interpreter's insides",
    };
    if json {
        let rows: Vec<Value> =
            PRESETS.iter().map(|name| json!({"name": name, "summary": summary(name)})).collect();
        return format!("{}\n", Value::from(rows));
    }
    let rows: Vec<Vec<String>> =
        PRESETS.iter().map(|name| vec![Look::stdout().paint(BOLD, name), summary(name).to_owned()]).collect();
    aligned(&rows)
}

fn show(policy: &Policy, json: bool) -> String {
    if !json {
        return policy.to_toml();
    }
    let mut value = serde_json::to_value(policy).unwrap_or_default();
    value["name"] = policy.name().into();
    format!("{value}\n")
}

fn rules(json: bool) -> String {
    if json {
        return format!("{}\n", json!(policy::rules()));
    }
    let row = |rule: &Rule| vec![Look::stdout().paint(BOLD, rule.id), rule.explanation.title.to_owned()];
    aligned(&policy::rules().iter().map(row).collect::<Vec<_>>())
}

fn explain(id: &str, json: bool) -> Done<String> {
    let found = policy::rules().iter().find(|rule| rule.id == id);
    let rule = found.ok_or_else(|| {
        Failure::usage("rule_unknown", format!("find a rule named {:?}", terminal::name(id)))
            .hint("`belljar policy explain` lists the rules")
    })?;
    if json {
        return Ok(format!("{}\n", json!(rule)));
    }
    let (look, told) = (Look::stdout(), &rule.explanation);
    let example: String = told.example.lines().map(|line| format!("    {line}\n")).collect();
    let part = |title: &str, text: &str| format!("{} {text}\n", look.paint(CYAN, title));
    Ok([
        format!("{}: {}\n\n", look.paint(BOLD, rule.id), told.title),
        part("What:", told.what),
        part("Why: ", told.why),
        format!("\n{example}\n"),
        part("Instead:", told.instead),
    ]
    .concat())
}
