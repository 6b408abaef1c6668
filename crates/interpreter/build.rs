//! Builds the guest as a static program, so that it can be part of this crate.

use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    for path in ["../guest", "../jail", "../protocol", "../../Cargo.lock", "../../Cargo.toml"] {
        println!("cargo::rerun-if-changed={path}");
    }
    let out = PathBuf::from(variable("OUT_DIR"));
    let (target, flags) = target();
    let mut cargo = Command::new(variable("CARGO"));
    // This build's own settings are not the guest's.
    for (name, _) in std::env::vars().filter(|(name, _)| is_setting(name)) {
        cargo.env_remove(name);
    }
    cargo.args([
        "build",
        "--quiet",
        "--package",
        "belljar-guest",
        "--bin",
        "belljar-guest",
        "--profile",
        "guest",
    ]);
    cargo.args(["--target", &target, "--target-dir"]).arg(out.join("guest"));
    cargo.current_dir("../..").env("RUSTFLAGS", flags);
    let built = cargo.status().unwrap_or_else(|error| panic!("cannot run cargo for the guest: {error}"));
    assert!(
        built.success(),
        "cannot build the guest for {target}; `rustup target add {target}` may be missing"
    );
    let guest = out.join("guest").join(target).join("guest/belljar-guest");
    println!("cargo::rustc-env=BELLJAR_GUEST={}", guest.display());
    driver_files(&out);
}

/// Lists the driver's files, so that they can be part of this crate too.
fn driver_files(out: &Path) {
    let folder = PathBuf::from(variable("CARGO_MANIFEST_DIR")).join("../../driver");
    println!("cargo::rerun-if-changed={}", folder.display());
    let entries =
        std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("cannot list the driver: {error}"));
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| [".py", ".js", ".sh", ".R"].iter().any(|end| name.ends_with(end)))
        .collect();
    names.sort();
    let mut code =
        String::from("/// Every file of the driver: name and content.\nconst FILES: &[(&str, &str)] = &[\n");
    for name in names {
        let path = folder.join(&name);
        code.push_str(&format!("    ({name:?}, include_str!({:?})),\n", path.display().to_string()));
    }
    code.push_str("];\n");
    std::fs::write(out.join("driver_files.rs"), code)
        .unwrap_or_else(|error| panic!("cannot write the list: {error}"));
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|error| panic!("cannot read {name}: {error}"))
}

fn is_setting(name: &str) -> bool {
    name == "RUSTFLAGS"
        || name == "CARGO_ENCODED_RUSTFLAGS"
        || name == "CARGO_TARGET_DIR"
        || name.starts_with("CARGO_BUILD_")
        || name.starts_with("CARGO_FEATURE_")
        || name.starts_with("CARGO_PROFILE_")
        || name.starts_with("RUSTC_W")
        || name == "RUSTC_WORKSPACE_WRAPPER"
}

/// musl where its standard library is installed, else a static link against the host's own C library.
fn target() -> (String, &'static str) {
    let arch = variable("CARGO_CFG_TARGET_ARCH");
    let musl = format!("{arch}-unknown-linux-musl");
    let printed =
        Command::new(variable("RUSTC")).args(["--print", "target-libdir", "--target", &musl]).output();
    let folder = printed.ok().and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default();
    if PathBuf::from(folder.trim()).is_dir() {
        return (musl, "");
    }
    (format!("{arch}-unknown-linux-gnu"), "-Ctarget-feature=+crt-static")
}
