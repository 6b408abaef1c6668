//! A program that has to print something.

use std::process::{Command, Stdio};
use std::time::Instant;

/// Wall time of one run in milliseconds, from start to exit.
///
/// # Errors
/// A program that does not start or does not print what it has to.
pub fn program(command: &mut Command, prints: &str) -> Result<f64, String> {
    let start = Instant::now();
    let output = command.stdin(Stdio::null()).output();
    let wall_ms = start.elapsed().as_secs_f64() * 1000.0;
    let name = command.get_program().to_string_lossy().into_owned();
    let output = output.map_err(|error| format!("cannot start {name}: {error}"))?;
    if output.stdout != prints.as_bytes() {
        let [printed, told] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
        return Err(format!("{name} printed {printed:?} {told:?}"));
    }
    Ok(wall_ms)
}
