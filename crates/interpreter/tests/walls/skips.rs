//! Tests that cannot run here: said aloud, written down, and failures where `BELLJAR_REQUIRE` names what is missing.

use libtest_mimic::Failed;
use std::io::Write;

/// Skips the test `name` for lack of `what`.
pub fn skip(what: &str, name: &str, why: &str) -> Result<(), Failed> {
    let required = std::env::var("BELLJAR_REQUIRE").unwrap_or_default();
    if required.split(',').any(|word| word.trim() == what) {
        return Err(format!("{what} is required: {why}").into());
    }
    eprintln!("skipped {name}: {why}");
    if let Some(path) = std::env::var_os("BELLJAR_SKIPS") {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        file.and_then(|mut file| writeln!(file, "{name}: {why}"))?;
    }
    Ok(())
}
