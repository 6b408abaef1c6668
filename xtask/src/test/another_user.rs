//! Runs the built tests once more as an ordinary user, when we are root.
//!
//! The shell script beside this file makes the same paths reachable for that user in a mount namespace of its own;
//! nothing on the host changes.

use super::{Run, totals::Totals};
use crate::command::{cargo, installed, program, repository};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

const SCRIPT: &str = include_str!("another_user.sh");
/// `nobody` is on every Linux, and owns nothing.
const USER: &str = "65534";
/// Crates whose tests behave the same for everybody.
const INDIFFERENT: [&str; 3] = ["xtask", "protocol", "policy"];

/// Runs all test binaries as that user. Where that cannot be, it is a skip, or an error if it is required.
pub fn test(run: &Run) -> Result<Totals> {
    if let Some(reason) = hindrance(run) {
        if run.requires("unprivileged") {
            bail!("cannot run tests as an ordinary user: {reason}");
        }
        let reasons = vec![format!("all tests as an ordinary user: {reason}")];
        return Ok(Totals { skipped: 1, reasons, ..Totals::default() });
    }
    let mut totals = Totals::default();
    for (executable, folder) in executables()? {
        let mut command = as_user(run);
        // The engine is root's.
        command.arg(&executable).args(run.name).args(["--skip", "oci"]).current_dir(&folder);
        command
            .env("CARGO_MANIFEST_DIR", &folder)
            .env("INSTA_WORKSPACE_ROOT", repository())
            .env("INSTA_UPDATE", "no");
        let name = executable.file_stem().unwrap_or_default().to_string_lossy();
        totals.add(run.counted(&format!("ordinary user {name}"), command)?);
    }
    Ok(totals)
}

fn as_user(run: &Run) -> Command {
    let mut command =
        program("unshare", &["--mount", "--propagation", "private", "bash", "-c", SCRIPT, "another_user"]);
    command.arg(USER).arg(&run.data_dir).arg(repository()).arg(&run.target);
    command
}

/// Why it cannot be done here.
fn hindrance(run: &Run) -> Option<String> {
    if let Some(missing) = ["unshare", "setpriv", "mount", "bash"].into_iter().find(|name| !installed(name)) {
        return Some(format!("{missing} is not installed"));
    }
    let probe = as_user(run).arg("true").env("BELLJAR_SKIPS", run.target.join("probe")).output();
    match probe {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Some(error.to_string()),
    }
}

/// Every test executable whose result may depend on who runs it, with its crate's folder.
fn executables() -> Result<Vec<(PathBuf, PathBuf)>> {
    let build = ["test", "--workspace", "--locked", "--no-run", "--quiet", "--message-format=json"];
    let output = cargo(&build).output().context("build the tests")?;
    if !output.status.success() {
        bail!("cannot build the tests: {}", String::from_utf8_lossy(&output.stderr));
    }
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(lines.lines().filter_map(executable).collect())
}

fn executable(line: &str) -> Option<(PathBuf, PathBuf)> {
    let message: serde_json::Value = serde_json::from_str(line).ok()?;
    let path = message["executable"].as_str().filter(|_| message["profile"]["test"] == true)?;
    let folder = Path::new(message["manifest_path"].as_str()?).parent()?;
    let name = folder.file_name()?.to_str()?;
    (!INDIFFERENT.contains(&name)).then(|| (PathBuf::from(path), folder.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_test_executables_of_walled_crates_are_taken() {
        let line = |krate: &str, test: bool| {
            format!(
                r#"{{"executable":"/t/{krate}-1","profile":{{"test":{test}}},"manifest_path":"/r/crates/{krate}/Cargo.toml"}}"#
            )
        };
        let taken = executable(&line("jail", true)).unwrap();
        assert_eq!(taken, (PathBuf::from("/t/jail-1"), PathBuf::from("/r/crates/jail")));
        assert!(executable(&line("jail", false)).is_none());
        assert!(executable(&line("protocol", true)).is_none());
        assert!(executable("not json").is_none());
    }
}
