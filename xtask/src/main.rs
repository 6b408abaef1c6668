//! Chores of the repository: `cargo xtask tidy | test | ci | load | bench`.
//!
//! It starts programs and reads files; of Belljar it links the rows of benches alone, so that `tidy` answers at once.

mod bench;
mod ci;
mod command;
mod load;
mod marked;
mod test;
mod tidy;
mod walls_page;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask <chore>

  tidy         check layering, sizes, names and heads of all files
  test [NAME] [--table PAGE]
               build the templates, run every test (as root: again as an ordinary user); NAME selects tests, PAGE gets
               the tables of which test ran behind which walls
  ci           format, tidy, clippy, docs, test: all that must hold before a merge
  load [--seconds N]
               two hundred clients against a server, good ones and hostile ones, for a minute or for N seconds
  bench run [--json [FILE]] [--check]
               speed against peers in the same run; --check fails when a target is missed
  bench serve [--samples N] [--json [FILE]] [--check]
               a one-shot over HTTP against the same in process, both from warm sandboxes
  bench e2b [--samples N] [--json [FILE]] [--check]
               a sandbox from its creation to its end through E2B's Python SDK, beside canned answers
  bench fork [KIND]… [--quick] [--json] [--check]
               `belljar bench` of a release build: warm sandboxes, bursts, forks, memory, growth, beside their peers
  bench walls [--samples N] [--only SUBJECT]… [--engine SOCKET] [--second-engine SOCKET] [--json [FILE]] [--markdown [FILE]]
               what every kind of wall costs, beside plain containers; FILE of --markdown is a page with marks";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["tidy"] => tidy::run(),
        ["test", words @ ..] => test::run(words, std::env::var("BELLJAR_REQUIRE").ok()),
        ["ci"] => ci::run(),
        ["load", options @ ..] => load::run(options),
        ["bench", "run", options @ ..] => bench::run(options),
        ["bench", "serve", options @ ..] => bench::serve(options),
        ["bench", "e2b", options @ ..] => bench::e2b(options),
        ["bench", "fork", options @ ..] => bench::fork(options),
        ["bench", "walls", options @ ..] => bench::walls(options),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
