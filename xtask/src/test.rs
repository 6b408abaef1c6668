//! `cargo xtask test`: builds what tests need, runs all of them, as root once more as an ordinary user, and counts.
//!
//! A test that cannot run here appends a line `name: reason` to the file named by `BELLJAR_SKIPS` and returns; where
//! `BELLJAR_REQUIRE` (a comma list: root, unprivileged, network, node, python, docker, runsc) names what is missing, it fails instead.

mod another_user;
pub mod dockerd;
mod totals;

use crate::command::{cargo, installed, is_root, repository, run as run_command, target_dir};
use anyhow::{Context, Result, bail};
use dockerd::Dockerd;
use std::path::PathBuf;
use std::process::Command;
use totals::Totals;

/// The templates that tests use, smallest first.
const TEMPLATES: [&str; 3] = ["python", "data", "code-interpreter"];

/// Only what did not pass is shown, so that it can be found.
const NEXTEST: [&str; 7] =
    ["nextest", "run", "--no-fail-fast", "--status-level", "slow", "--final-status-level", "fail"];

/// What one run of this chore was asked for, and where its files lie.
pub struct Run<'a> {
    /// Only tests whose name contains this.
    name: Option<&'a str>,
    /// What must not be missing, as in `BELLJAR_REQUIRE`.
    require: String,
    /// What cargo builds.
    target: PathBuf,
    /// Templates and caches.
    data_dir: PathBuf,
    /// A container engine for the tests that need one.
    engine: Option<Dockerd>,
}

/// Runs everything; ends with the line `N passed, N failed, N skipped`. Fails when a test failed.
pub fn run(name: Option<&str>, require: Option<String>) -> Result<()> {
    let target = target_dir()?;
    let data_dir = std::env::var_os("BELLJAR_DATA_DIR").map_or_else(|| target.join("belljar"), PathBuf::from);
    let engine = match dockerd::hindrance() {
        None => Some(Dockerd::start()?),
        Some(why) => {
            eprintln!("no container engine: {why}");
            None
        }
    };
    let run = Run { name, require: require.unwrap_or_default(), target, data_dir, engine };
    for template in TEMPLATES {
        let mut build =
            cargo(&["run", "--locked", "--package", "belljar", "--", "template", "build", template]);
        build.env("BELLJAR_DATA_DIR", &run.data_dir);
        run_command(build)?;
    }
    let mut totals = run.as_this_user()?;
    if name.is_none() {
        totals.add(run.driver()?);
    }
    if is_root()? {
        totals.add(another_user::test(&run)?);
    }
    for reason in &totals.reasons {
        println!("skipped {reason}");
    }
    totals.failures.sort();
    totals.failures.dedup();
    for failure in &totals.failures {
        println!("{failure}");
    }
    println!("{totals}");
    match totals.failed {
        0 => Ok(()),
        count => bail!("{count} tests failed"),
    }
}

impl Run<'_> {
    fn as_this_user(&self) -> Result<Totals> {
        let mut totals = match installed("cargo-nextest") {
            true => {
                let mut totals = self.counted("this user", self.selected(&NEXTEST))?;
                totals
                    .add(self.counted("documentation", self.selected(&["test", "--doc", "--no-fail-fast"]))?);
                totals
            }
            false => self.counted("this user", self.selected(&["test", "--no-fail-fast"]))?,
        };
        totals.reasons.sort();
        Ok(totals)
    }

    /// The driver's own tests, in Python, with a template that has what they show.
    fn driver(&self) -> Result<Totals> {
        let templates = self.data_dir.join("templates");
        let listed =
            std::fs::read_dir(&templates).with_context(|| format!("list {}", templates.display()))?;
        let built = listed.flatten().map(|entry| entry.path()).find(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("code-interpreter-") && path.join("bin/python").exists()
        });
        let python = built.context("find the template code-interpreter")?.join("bin/python");
        let mut command = Command::new(python);
        command.args(["-m", "unittest", "discover", "-s", "driver/tests"]).current_dir(repository());
        self.counted("driver", command)
    }

    fn selected(&self, arguments: &[&str]) -> Command {
        let mut command = cargo(arguments);
        command.args(["--workspace", "--locked"]).args(self.name);
        command
    }

    /// Runs a command that prints test results, with what every test may rely on, and counts.
    fn counted(&self, who: &str, mut command: Command) -> Result<Totals> {
        let skips = self.target.join(format!("skips-{}.txt", who.replace(' ', "-")));
        std::fs::write(&skips, "").with_context(|| format!("write {}", skips.display()))?;
        command.env("BELLJAR_DATA_DIR", &self.data_dir).env("BELLJAR_REQUIRE", &self.require);
        command.env("BELLJAR_SKIPS", &skips);
        if let Some(engine) = &self.engine {
            command.env("BELLJAR_TEST_ENGINE", engine.socket());
        }
        totals::count(command, &skips, &mut std::io::stdout())
    }

    fn requires(&self, what: &str) -> bool {
        self.require.split(',').any(|word| word.trim() == what)
    }
}
