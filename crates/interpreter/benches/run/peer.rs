//! What is measured against: a program that runs the same code.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Wall time in milliseconds of a bare Python that runs this code, from start to exit.
///
/// # Errors
/// A program that does not start or does not print what it has to.
pub fn python(python: &Path, code: &str, prints: &str) -> Result<f64, String> {
    program(python, &["-c", code], prints)
}

/// Wall time of one run in milliseconds, from start to exit.
///
/// # Errors
/// A program that does not start or does not print what it has to.
pub fn program(program: &Path, arguments: &[&str], prints: &str) -> Result<f64, String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    let start = Instant::now();
    let output = command.output().map_err(|error| format!("cannot start {}: {error}", program.display()))?;
    let wall_ms = start.elapsed().as_secs_f64() * 1000.0;
    if output.stdout != prints.as_bytes() {
        let (printed, error) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        return Err(format!("{} printed {printed:?} {error:?}", program.display()));
    }
    Ok(wall_ms)
}
