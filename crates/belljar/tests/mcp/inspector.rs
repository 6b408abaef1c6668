//! The official Inspector, from its command line: what it asks for, what it makes of failures, and whether every tool's
//! schema can be used by all kinds of clients. It is installed once, from a lock with hashes, into the data folder, with the Node
//! that it needs.

use crate::client::text;
use crate::program::can_run;
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const LOCK: &str = "package-lock.json";
const INSPECTOR: &str = "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js";

#[test]
fn the_inspector_finds_nothing_to_object_to() {
    if !can_run() {
        return;
    }
    let place = match install() {
        Ok(place) => place,
        Err(why) => return skip(&why),
    };
    for (era, version) in [("legacy", "2025-11-25"), ("modern", "2026-07-28")] {
        let inspect = |args: &[&str]| inspect(&place, era, args);
        let (exit, hello) = inspect(&["--method", "initialize"]);
        assert_eq!((exit, &hello["protocolVersion"]), (Some(0), &json!(version)), "{hello}");
        let (exit, listed) = inspect(&["--strict", "--method", "tools/list", "--format", "json"]);
        assert_eq!(
            (exit, listed["result"]["tools"].as_array().map(Vec::len)),
            (Some(0), Some(7)),
            "{listed}"
        );
        let call =
            ["--method", "tools/call", "--format", "json", "--tool-name", "run_code", "--tool-args-json"];
        let (exit, ran) = inspect(&[&call[..], &[r#"{"code": "6 * 7"}"#]].concat());
        assert_eq!((exit, text(&ran["result"])), (Some(0), "status: ok\n<result>\n42\n</result>"), "{ran}");
        let (exit, failed) = inspect(&[&call[..], &[r#"{"code": "1 / 0"}"#]].concat());
        assert_eq!((exit, &failed["result"]["isError"]), (Some(5), &json!(true)), "{failed}");
        let (exit, templates) = inspect(&["--method", "resources/templates/list"]);
        assert_eq!(
            (exit, &templates["resourceTemplates"][0]["name"]),
            (Some(0), &json!("file")),
            "{templates}"
        );
    }
}

/// One call of the Inspector: its exit code, and the JSON that it prints.
fn inspect(place: &Path, era: &str, args: &[&str]) -> (Option<i32>, Value) {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("servers.json");
    let kept = std::env::var("BELLJAR_DATA_DIR").ok().map(|dir| json!({ "BELLJAR_DATA_DIR": dir }));
    let server = json!({
        "command": env!("CARGO_BIN_EXE_belljar"),
        "args": ["mcp", "--template", "python", "--memory", "256M"],
        "env": kept.unwrap_or_else(|| json!({})),
        "protocolEra": era,
    });
    fs::write(&config, json!({ "mcpServers": { "belljar": server } }).to_string()).unwrap();
    let Output { status, stdout, stderr } = Command::new(node(place))
        .arg(place.join(INSPECTOR))
        .args(["--cli", "--server", "belljar", "--config"])
        .arg(&config)
        .args(args)
        .env("MCP_INSPECTOR_SECRET_STORE", "memory")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let json = serde_json::from_slice(&stdout);
    (status.code(), json.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&stderr))))
}

fn node(place: &Path) -> PathBuf {
    let machine = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
    place.join(format!("node_modules/node-linux-{machine}/bin/node"))
}

/// A folder that has exactly what the lock says.
fn install() -> Result<PathBuf, String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdks/inspector");
    let wanted = fs::read(source.join(LOCK)).map_err(|error| error.to_string())?;
    let beside = || Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("belljar");
    let all = std::env::var_os("BELLJAR_DATA_DIR").map_or_else(beside, PathBuf::from).join("sdks");
    let place = all.join("inspector");
    if fs::read(place.join("installed.lock")).is_ok_and(|installed| installed == wanted) {
        return Ok(place);
    }
    let failed = |error: std::io::Error| format!("install the Inspector: {error}");
    fs::create_dir_all(&all).map_err(failed)?;
    // Made aside, so that a half-made one is never used.
    let aside = tempfile::tempdir_in(&all).map_err(failed)?;
    for name in ["package.json", LOCK] {
        fs::copy(source.join(name), aside.path().join(name)).map_err(failed)?;
    }
    // Not `npm ci`: it refuses a lock in which an optional package for another system is missing.
    let options = ["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    let mut npm = Command::new("npm");
    let output = npm.args(options).current_dir(aside.path()).stdin(Stdio::null()).output().map_err(failed)?;
    if !output.status.success() {
        return Err(format!("install the Inspector: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    fs::write(aside.path().join("installed.lock"), wanted).map_err(failed)?;
    fs::remove_dir_all(&place).or_else(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Ok(()),
        _ => Err(failed(error)),
    })?;
    fs::rename(aside.keep(), &place).map_err(failed)?;
    Ok(place)
}

fn skip(why: &str) {
    let required = std::env::var("BELLJAR_REQUIRE").unwrap_or_default();
    assert!(!required.split(',').any(|word| word.trim() == "node"), "node is required: {why}");
    eprintln!("skipped the Inspector: {why}");
    if let Some(path) = std::env::var_os("BELLJAR_SKIPS") {
        let mut file = fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        writeln!(file, "the Inspector: {}", why.replace('\n', " ")).unwrap();
    }
}
