//! The command line: one file for each command, and what they share.

mod ask;
mod bench;
mod code;
mod complete;
mod config;
mod doctor;
mod download;
mod e2b;
mod editor;
pub mod failure;
mod key;
pub mod live;
mod log;
mod mcp;
mod model;
mod options;
mod pick;
mod policy;
mod repl;
mod run;
mod running;
mod serve;
mod signals;
mod site;
mod template;
mod upload;
mod view;

use failure::{Done, EXIT_USAGE, Failure};
use std::ffi::OsString;

pub use site::Site;

/// A self-hosted code interpreter: runs code behind walls and hands back what happened.
#[derive(Debug, clap::Parser)]
#[command(name = "belljar", version, max_term_width = 100)]
struct Cli {
    /// Where templates and history are kept [default: $BELLJAR_DATA_DIR, or belljar in the user's data folder]
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<std::path::PathBuf>,
    /// Models and defaults, as TOML [default: $BELLJAR_CONFIG, or belljar/config.toml in the user's configuration folder]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<std::path::PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Ask(Box<ask::AskArgs>),
    Run(Box<run::RunArgs>),
    Repl(Box<repl::ReplArgs>),
    Serve(Box<serve::ServeArgs>),
    Key(Box<key::KeyArgs>),
    E2b(e2b::E2bArgs),
    Doctor(doctor::DoctorArgs),
    Bench(bench::BenchArgs),
    Log(log::LogArgs),
    Template(template::TemplateArgs),
    Policy(policy::PolicyArgs),
    Mcp(Box<mcp::McpArgs>),
}

impl Command {
    /// True when a program reads standard output: failures of ours are then JSON there as well.
    fn json(&self) -> bool {
        match self {
            Command::Ask(args) => args.json || args.events,
            Command::Run(args) => args.json || args.events,
            Command::Key(args) => args.json(),
            Command::E2b(args) => args.json(),
            Command::Repl(_) | Command::Mcp(_) | Command::Serve(_) => false,
            Command::Doctor(args) => args.json,
            Command::Bench(args) => args.json,
            Command::Log(args) => args.json(),
            Command::Template(args) => args.json(),
            Command::Policy(args) => args.json(),
        }
    }
}

/// Reads the command line, carries it out and returns the exit code.
pub fn main(args: Vec<OsString>) -> u8 {
    let cli = match <Cli as clap::Parser>::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, &args),
    };
    let json = cli.command.json();
    match carry_out(cli) {
        Ok(code) => code,
        Err(failure) => {
            report(&failure, json);
            failure.exit
        }
    }
}

fn carry_out(cli: Cli) -> Done {
    let site = Site::new(cli.data_dir, cli.config)?;
    let done = match cli.command {
        Command::Ask(args) => ask::ask(&args, &site),
        Command::Run(args) => run::run(&args, &site),
        Command::Repl(args) => repl::repl(&args, &site),
        Command::Serve(args) => serve::serve(&args, &site),
        Command::Key(args) => key::key(&args, &site),
        Command::E2b(args) => e2b::e2b(&args),
        Command::Doctor(args) => doctor::doctor(&args, &site),
        Command::Bench(args) => bench::bench(&args, &site),
        Command::Log(args) => log::log(&args, &site),
        Command::Template(args) => template::template(&args, &site),
        Command::Policy(args) => policy::policy(&args, &site),
        Command::Mcp(args) => mcp::mcp(&args, &site),
    };
    site.close();
    done
}

fn report(failure: &Failure, json: bool) {
    if failure.is_silent() {
        return;
    }
    if json && crate::render::print(&format!("{}\n", failure.to_json())).is_ok() {
        return;
    }
    crate::render::failure(failure);
}

/// What clap has to say. Help and version are not failures.
fn usage(error: &clap::Error, args: &[OsString]) -> u8 {
    if !error.use_stderr() {
        return u8::from(error.print().is_err());
    }
    let program = args.iter().take_while(|arg| *arg != "--").any(|arg| arg == "--json" || arg == "--events");
    if program {
        let text = error.to_string();
        // The first paragraph: what is missing stands on lines of its own.
        let first: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
        let first = first.join(" ");
        let message = format!("read the command line: {}", first.trim_start_matches("error: "));
        let failure = Failure::usage("usage", message);
        report(&failure.hint("`belljar --help` lists commands and options"), true);
    } else {
        let _ = error.print();
    }
    EXIT_USAGE
}
