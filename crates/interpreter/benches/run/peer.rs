//! What is measured against: a bare Python that runs the same code.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Wall time of one run in milliseconds, from start to exit.
///
/// # Errors
/// A program that does not start or does not print what it has to.
pub fn python(python: &Path, code: &str, prints: &str) -> Result<f64, String> {
    let mut command = Command::new(python);
    command.args(["-c", code]).stdin(Stdio::null());
    let start = Instant::now();
    let output = command.output().map_err(|error| format!("cannot start {}: {error}", python.display()))?;
    let wall_ms = start.elapsed().as_secs_f64() * 1000.0;
    if output.stdout != prints.as_bytes() {
        return Err(format!("{} printed {:?}", python.display(), String::from_utf8_lossy(&output.stdout)));
    }
    Ok(wall_ms)
}
