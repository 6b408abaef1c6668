//! `cargo xtask ci`: everything that must hold before a merge, in order, with the time of each phase.

use crate::command::{cargo, is_root, run as run_command};
use crate::{test, tidy};
use anyhow::{Context, Result};
use std::time::Instant;

/// What a machine that runs `ci` must have: a test that would skip for want of it fails instead.
const REQUIRED: &str = "python,node,typescript,r,network,unprivileged";

/// Runs all phases; the first that fails ends it.
pub fn run() -> Result<()> {
    let require = match std::env::var("BELLJAR_REQUIRE") {
        Ok(chosen) => chosen,
        Err(_) if is_root()? => format!("root,docker,runsc,{REQUIRED}"),
        Err(_) => REQUIRED.to_owned(),
    };
    let phases: [(&str, &dyn Fn() -> Result<()>); 5] = [
        ("format", &|| run_command(cargo(&["fmt", "--all", "--check"]))),
        ("tidy", &tidy::run),
        ("clippy", &|| {
            let lint = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
            run_command(cargo(&lint))?;
            let fixtures = ["clippy", "--package", "belljar", "--features", "mcp-conformance-fixtures"];
            run_command(cargo(&[&fixtures[..], &["--locked", "--", "-D", "warnings"]].concat()))
        }),
        ("docs", &docs),
        ("test", &|| test::run(&[], Some(require.clone()))),
    ];
    let mut times = Vec::new();
    for (name, work) in phases {
        eprintln!("\n== {name}");
        let start = Instant::now();
        work().with_context(|| format!("{name} failed"))?;
        times.push(format!("{name} {:.1} s", start.elapsed().as_secs_f64()));
    }
    eprintln!("\nall phases passed: {}", times.join(", "));
    Ok(())
}

fn docs() -> Result<()> {
    let mut command = cargo(&["doc", "--workspace", "--no-deps", "--locked", "--document-private-items"]);
    // Private items are shown, so links to them lead somewhere.
    command.env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private-intra-doc-links");
    run_command(command)
}
