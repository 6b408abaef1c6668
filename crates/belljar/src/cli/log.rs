//! `belljar log`: what was asked, what came of it, and the same as a file.

use super::Site;
use super::failure::{Done, EXIT_OURS, EXIT_USAGE, Failure, reason, without_number};
use crate::render::{
    self, Screen, image,
    record::{self, Paper},
    terminal::{Look, columns},
};
use interpreter::Caller;
use journal::{Entry, Journal, JournalError, export};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// List, show, export or remove what was asked.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct LogArgs {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    /// Print the list as JSON
    #[arg(long)]
    json: bool,
    /// How many answers, the newest first
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: u32,
    /// Go on behind this answer
    #[arg(long, value_name = "ID")]
    before: Option<String>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show one answer and what led to it
    Show {
        /// The first digits of its id, or `last`
        #[arg(value_name = "ID")]
        id: String,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Turn one answer into a file for Jupyter, a browser or an editor
    Export {
        /// The first digits of its id, or `last`
        #[arg(value_name = "ID")]
        id: String,
        /// What kind of file
        #[arg(long, value_enum, value_name = "KIND")]
        to: Kind,
        /// Where to write it [default: standard output]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Remove answers
    Rm {
        /// The first digits of their ids, or `last`
        #[arg(value_name = "ID", required = true)]
        ids: Vec<String>,
    },
    /// Remove old answers
    #[command(group = clap::ArgGroup::new("which").required(true).multiple(true))]
    Prune {
        /// Those that are older: 90s, 45m, 12h, 30d or 8w
        #[arg(long, value_name = "AGE", value_parser = age, group = "which")]
        older_than: Option<Duration>,
        /// All but the newest
        #[arg(long, value_name = "N", group = "which")]
        keep: Option<u32>,
    },
}

/// What an answer is turned into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// A Jupyter notebook
    Notebook,
    /// A page that needs nothing else
    Html,
    /// Markdown; with --out, its pictures lie beside it
    Markdown,
}

impl LogArgs {
    /// True when a program reads standard output.
    pub fn json(&self) -> bool {
        match &self.command {
            None => self.list.json,
            Some(Command::Show { json, .. }) => *json,
            Some(_) => false,
        }
    }
}

/// Carries out one of them.
pub fn log(args: &LogArgs, site: &Site) -> Done {
    let path = site.journal_path()?;
    site.runtime.block_on(async {
        // Looking at a journal does not make one.
        let journal = match path.exists() {
            true => Some(Journal::open(&path).await.map_err(journal_failure)?),
            false => None,
        };
        let done = carry_out(args, journal.as_ref()).await;
        if let Some(journal) = journal {
            journal.close().await;
        }
        done.map(|()| 0)
    })
}

async fn carry_out(args: &LogArgs, journal: Option<&Journal>) -> Done<()> {
    match &args.command {
        None => list(&args.list, journal).await,
        Some(Command::Show { id, json }) => show(&entry(journal, id).await?, *json),
        Some(Command::Export { id, to, out }) => export(&entry(journal, id).await?, *to, out.as_deref()),
        Some(Command::Rm { ids }) => remove(journal, ids).await,
        Some(Command::Prune { older_than, keep }) => prune(journal, *older_than, *keep).await,
    }
}

async fn list(args: &ListArgs, journal: Option<&Journal>) -> Done<()> {
    let caller = Caller::local().0;
    let before = match &args.before {
        Some(id) => Some(present(journal, id)?.find(&caller, id).await.map_err(journal_failure)?),
        None => None,
    };
    let summaries = match journal {
        Some(journal) => journal.list(&caller, args.limit, before.as_ref()).await.map_err(journal_failure)?,
        None => Vec::new(),
    };
    if args.json {
        return print_json(&summaries);
    }
    if summaries.is_empty() {
        let first = "no answers yet: `belljar ask` writes the first one";
        return Screen::new().note(if before.is_some() { "no older answers" } else { first });
    }
    render::print(&record::table(&summaries, Look::stdout(), columns()))
}

/// The journal, without which there is no answer that `text` could mean.
fn present<'a>(journal: Option<&'a Journal>, text: &str) -> Done<&'a Journal> {
    journal.ok_or_else(|| journal_failure(JournalError::Unknown(text.to_owned())))
}

async fn entry(journal: Option<&Journal>, id: &str) -> Done<Entry> {
    present(journal, id)?.show(&Caller::local().0, id).await.map_err(journal_failure)
}

fn show(entry: &Entry, json: bool) -> Done<()> {
    if json {
        return print_json(entry);
    }
    let look = Look::stdout();
    let pictures = image::detect(look.terminal, |key| std::env::var(key).ok());
    render::print(&record::page(entry, Paper { look, width: columns().min(100), pictures }))
}

fn export(entry: &Entry, kind: Kind, out: Option<&Path>) -> Done<()> {
    if let (Kind::Markdown, Some(path)) = (kind, out) {
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let beside = export::markdown_beside(entry, &stem);
        for (name, bytes) in &beside.pictures {
            write(&path.with_file_name(name), bytes)?;
        }
        return write(path, beside.text.as_bytes());
    }
    let text = match kind {
        Kind::Notebook => export::notebook(entry)
            .map_err(|error| Failure::ours("export", format!("make a notebook: {error}")))?,
        Kind::Html => export::html(entry),
        Kind::Markdown => export::markdown(entry),
    };
    match out {
        Some(path) => write(path, text.as_bytes()),
        None => render::print(&text),
    }
}

fn write(path: &Path, bytes: &[u8]) -> Done<()> {
    std::fs::write(path, bytes).map_err(|error| {
        let text = format!("write {}: {}", path.display(), reason(&error));
        Failure::ours("out_unwritten", text).hint("--out names a file in a folder that is there")
    })
}

async fn remove(journal: Option<&Journal>, ids: &[String]) -> Done<()> {
    let caller = Caller::local().0;
    for text in ids {
        let journal = present(journal, text)?;
        let id = journal.find(&caller, text).await.map_err(journal_failure)?;
        journal.remove(&caller, &id).await.map_err(journal_failure)?;
        render::print(&format!("removed {id}\n"))?;
    }
    Ok(())
}

async fn prune(journal: Option<&Journal>, older_than: Option<Duration>, keep: Option<u32>) -> Done<()> {
    let count = match journal {
        Some(journal) => {
            journal.prune(&Caller::local().0, older_than, keep).await.map_err(journal_failure)?
        }
        None => 0,
    };
    render::print(&format!("removed {count} answer{}\n", if count == 1 { "" } else { "s" }))
}

fn print_json(value: &impl serde::Serialize) -> Done<()> {
    let text = serde_json::to_string(value);
    let text = text.map_err(|error| Failure::ours("json", format!("write JSON: {error}")))?;
    render::print(&format!("{text}\n"))
}

/// An error of the journal as this program reports it.
pub fn journal_failure(error: JournalError) -> Failure {
    let exit = match &error {
        JournalError::NotAnId(_) | JournalError::Unknown(_) | JournalError::Ambiguous { .. } => EXIT_USAGE,
        _ => EXIT_OURS,
    };
    let hint = Some(error.hint().into_owned());
    Failure { code: error.code(), message: without_number(&error.to_string()), hint, exit }
}

/// `30d` and the like.
pub fn age(text: &str) -> Result<Duration, String> {
    let expected = || format!("{text:?} is no age: expected a number with s, m, h, d or w, such as 30d");
    let unit = text.chars().next_back().ok_or_else(expected)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return Err(expected()),
    };
    let number: u64 = text[..text.len() - 1].parse().map_err(|_| expected())?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_numbers_with_a_unit() {
        for (text, seconds) in
            [("90s", 90), ("0s", 0), ("45m", 2700), ("12h", 43_200), ("30d", 2_592_000), ("1w", 604_800)]
        {
            assert_eq!(age(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in
            ["", "d", "30", "30y", "-1d", "1.5d", "1é", "99999999999999999999d", "9999999999999999999w"]
        {
            assert!(age(text).is_err_and(|why| why.contains("30d")), "{text}");
        }
    }
}
