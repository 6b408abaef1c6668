//! Programs that chores start, and where the repository lies.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository's top directory.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the repository")
}

/// A program that will run in the repository's top directory.
pub fn program(name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(name);
    command.args(arguments).current_dir(repository());
    command
}

/// `cargo` of the toolchain that runs this chore.
pub fn cargo(arguments: &[&str]) -> Command {
    program(&std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()), arguments)
}

/// Prints the command, runs it with our own output streams, and fails when it fails.
pub fn run(mut command: Command) -> Result<()> {
    let shown = shown(&command);
    eprintln!("$ {shown}");
    let status = command.status().with_context(|| format!("start {shown}"))?;
    if !status.success() {
        bail!("{shown}: {status}");
    }
    Ok(())
}

/// The command as a person would type it; a whole script among its arguments is only hinted at.
pub fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args());
    let word = |word: &std::ffi::OsStr| match word.to_string_lossy() {
        script if script.contains('\n') => "…".to_owned(),
        word => word.into_owned(),
    };
    words.map(word).collect::<Vec<_>>().join(" ")
}

/// Whether a program of this name is on `PATH`.
pub fn installed(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

/// Where cargo puts what it builds.
pub fn target_dir() -> Result<PathBuf> {
    let output = cargo(&["metadata", "--format-version", "1", "--no-deps", "--offline"]).output()?;
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).context("read cargo's metadata")?;
    let path = metadata["target_directory"].as_str().context("find the target directory")?;
    Ok(PathBuf::from(path))
}

/// Whether this process is root.
pub fn is_root() -> Result<bool> {
    use std::os::unix::fs::MetadataExt;
    Ok(std::fs::metadata("/proc/self").context("look at /proc/self")?.uid() == 0)
}
