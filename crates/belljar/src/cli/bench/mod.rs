//! `belljar bench`: how fast this host is with Belljar, beside what one would use without it. All rows are measured in one run, each in
//! turns with its peer; what this host lacks for a row is said in its place.

mod burst;
mod forks;
mod fresh;
mod growth;
mod memory;
mod peers;
mod scene;
mod server;
mod warm;

use super::failure::{Done, Failure};
use super::{Site, serve::raise_descriptors, signals::Signals};
use crate::render::{
    self,
    spinner::Spinner,
    terminal::{GREEN, Look, RED},
};
use measure::Row;
use serde_json::json;

/// Measure how fast this host is, beside what one would use without Belljar.
#[derive(Debug, clap::Args)]
pub struct BenchArgs {
    /// Only rows of these kinds [default: all of them]
    #[arg(value_name = "KIND", value_parser = KINDS)]
    kinds: Vec<String>,
    /// A tenth of the samples
    #[arg(long)]
    quick: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// End with 1 where a target is missed
    #[arg(long)]
    check: bool,
}

const KINDS: [&str; 6] = ["warm", "fresh", "burst", "fork", "memory", "growth"];

/// Why a row has no samples.
#[derive(Clone)]
enum Miss {
    /// This host lacks something that it needs.
    LeftOut(String),
    /// It went wrong.
    Failed(String),
}

impl From<String> for Miss {
    fn from(why: String) -> Miss {
        Miss::Failed(why)
    }
}

impl From<Failure> for Miss {
    fn from(failure: Failure) -> Miss {
        Miss::Failed(failure.to_string())
    }
}

/// What all rows have.
struct Bench<'a> {
    site: &'a Site,
    quick: bool,
    spinner: Spinner,
    rows: Vec<Row>,
}

impl Bench<'_> {
    /// So many samples, or a tenth of them.
    fn rounds(&self, count: usize) -> usize {
        if self.quick { count.div_ceil(10) } else { count }
    }

    /// Fills a row.
    async fn row(&mut self, mut row: Row, measured: impl AsyncFnOnce(&mut Row) -> Result<(), Miss>) {
        self.spinner.show(&row.name);
        let end = measured(&mut row).await;
        self.spinner.clear();
        match end {
            Err(Miss::LeftOut(why)) => row.left_out = Some(why),
            Err(Miss::Failed(why)) => row.failed = Some(why),
            Ok(()) if row.ours.samples.is_empty() => {
                row.failed = Some(row.ours.why.clone().unwrap_or_else(|| "nothing was measured".to_owned()));
            }
            Ok(()) => {}
        }
        self.rows.push(row);
    }
}

/// Measures, and prints the table.
pub fn bench(args: &BenchArgs, site: &Site) -> Done {
    raise_descriptors();
    let mut bench = Bench { site, quick: args.quick, spinner: Spinner::new(true), rows: Vec::new() };
    let wanted = |kind: &str| args.kinds.is_empty() || args.kinds.iter().any(|word| word == kind);
    let load = measure::load();
    site.runtime.block_on(async {
        let mut signals = Signals::listen(|| {})?;
        let all = async {
            if wanted("warm") {
                warm::measure(&mut bench).await;
            }
            if wanted("fresh") {
                fresh::measure(&mut bench).await;
            }
            if wanted("burst") {
                burst::measure(&mut bench).await;
            }
            if wanted("fork") {
                forks::measure(&mut bench).await;
            }
            if wanted("memory") {
                memory::measure(&mut bench).await;
            }
            if wanted("growth") {
                growth::measure(&mut bench).await;
            }
            Ok(())
        };
        signals.unless(all).await
    })?;
    let rows = std::mem::take(&mut bench.rows);
    let mut host = measure::describe();
    host.insert("belljar", env!("CARGO_PKG_VERSION").to_owned());
    host.insert("load before", load);
    if args.json {
        render::print(&format!("{}\n", json!({ "host": host, "rows": measure::to_json(&rows) })))?;
    } else {
        let facts: String = host.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
        render::print(&format!("{}\n{facts}", measure::render(&rows, paint)))?;
    }
    Ok(u8::from(args.check && rows.iter().any(|row| !row.is_met())))
}

fn paint(met: bool, words: &str) -> String {
    Look::stdout().paint(if met { GREEN } else { RED }, words)
}
