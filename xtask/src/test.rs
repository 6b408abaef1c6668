//! `cargo xtask test`: builds what tests need, runs all of them, as root once more as an ordinary user, and counts.
//!
//! A test that cannot run here appends a line `name: reason` to the file named by `BELLJAR_SKIPS` and returns; where
//! `BELLJAR_REQUIRE` (a comma list: root, unprivileged, network, node, typescript, r, python, docker, runsc) names what is missing, it fails instead.
//! An engine that `BELLJAR_TEST_ENGINE` names is used instead of one of its own. `BELLJAR_TEST_FIXTURES` tells tests of a
//! server that has the fixtures of a conformance suite.

mod another_user;
pub mod dockerd;
pub mod outcomes;
mod totals;

use crate::walls_page::{self, Table};
use crate::{
    command::{cargo, installed, is_root, repository, run as run_command, target_dir},
    tidy,
};
use anyhow::{Context, Result, bail};
use dockerd::Dockerd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use totals::Totals;

/// The templates that tests use, smallest first.
const TEMPLATES: [&str; 3] = ["python", "data", "code-interpreter"];

/// Every test is told of; what passed is not shown, so that what did not can be found.
const NEXTEST: [&str; 7] =
    ["nextest", "run", "--no-fail-fast", "--status-level", "pass", "--final-status-level", "fail"];

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
    /// A server with the fixtures of the conformance suite of the Model Context Protocol.
    fixtures: PathBuf,
}

/// Runs everything; ends with the line `N passed, N failed, N skipped`. Fails when a test failed. The words are a name
/// that selects tests, and `--table PAGE` for the page that tells how each ended.
pub fn run(words: &[&str], require: Option<String>) -> Result<()> {
    let (name, page) = match words {
        [] => (None, None),
        [name] if !name.starts_with("--") => (Some(*name), None),
        ["--table", page] => (None, Some(Path::new(page))),
        [name, "--table", page] => (Some(*name), Some(Path::new(page))),
        _ => bail!("unknown words {}", words.join(" ")),
    };
    let target = target_dir()?;
    let data_dir = std::env::var_os("BELLJAR_DATA_DIR").map_or_else(|| target.join("belljar"), PathBuf::from);
    let engine = match dockerd::hindrance() {
        _ if std::env::var_os("BELLJAR_TEST_ENGINE").is_some() => None,
        None => Some(Dockerd::start()?),
        Some(why) => {
            eprintln!("no container engine: {why}");
            None
        }
    };
    let fixtures = target.join("debug/belljar-conformance");
    let run = Run { name, require: require.unwrap_or_default(), target, data_dir, engine, fixtures };
    for template in TEMPLATES {
        let mut build =
            cargo(&["run", "--locked", "--package", "belljar", "--", "template", "build", template]);
        build.env("BELLJAR_DATA_DIR", &run.data_dir);
        run_command(build)?;
    }
    if name.is_none_or(|name| name.contains("conformance")) {
        run.build_fixtures()?;
    }
    let mut table = Table::empty(&walls_page::tests(&tidy::files()?));
    let mut totals = run.as_this_user()?;
    table.take(&totals.outcomes, is_root()?);
    if name.is_none() {
        totals.add(run.driver()?);
    }
    if is_root()? {
        let others = another_user::test(&run)?;
        table.take(&others.outcomes, false);
        totals.add(others);
    }
    if let Some(page) = page {
        walls_page::write(page, table, name.is_some())?;
    }
    totals.tell()
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

    /// A server with the fixtures of the conformance suite beside the ordinary one, which the tests then build again.
    fn build_fixtures(&self) -> Result<()> {
        const FEATURE: &str = "mcp-conformance-fixtures";
        run_command(cargo(&["build", "--locked", "--package", "belljar", "--features", FEATURE]))?;
        let built = self.target.join("debug/belljar");
        let _ = std::fs::remove_file(&self.fixtures);
        std::fs::copy(&built, &self.fixtures).with_context(|| format!("copy {}", built.display()))?;
        Ok(())
    }

    /// The driver's own tests, in Python, with a template that has what they show.
    fn driver(&self) -> Result<Totals> {
        let mut list =
            cargo(&["run", "--locked", "--package", "belljar", "--", "template", "list", "--json"]);
        let listed = list.env("BELLJAR_DATA_DIR", &self.data_dir).stderr(Stdio::inherit()).output();
        let listed = listed.context("list the templates")?;
        let templates: Vec<serde_json::Value> =
            serde_json::from_slice(&listed.stdout).context("read the list of templates")?;
        let root = templates
            .iter()
            .find(|one| one["name"] == "code-interpreter")
            .and_then(|one| one["root"].as_str());
        let python = Path::new(root.context("find the template code-interpreter")?).join("bin/python");
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
        command.env("BELLJAR_SKIPS", &skips).env("BELLJAR_TEST_FIXTURES", &self.fixtures);
        if let Some(engine) = &self.engine {
            command.env("BELLJAR_TEST_ENGINE", engine.socket());
        }
        totals::count(command, &skips, &mut std::io::stdout())
    }

    fn requires(&self, what: &str) -> bool {
        self.require.split(',').any(|word| word.trim() == what)
    }
}
