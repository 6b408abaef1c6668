//! Notebooks, read by Jupyter's own `nbformat`, which is installed for this test where it is not yet.

use crate::samples;
use journal::{Entry, export};
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const LOCK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/nbformat.lock");

/// Reads a notebook from standard input, checks it strictly and prints it as Jupyter understood it.
const CHECK: &str = "
import json, sys, nbformat
notebook = nbformat.reads(sys.stdin.read(), as_version=nbformat.NO_CONVERT)
nbformat.validate(notebook, relax_add_props=False)
print(json.dumps(notebook))
";

/// A Python that has `nbformat`, or why there is none.
fn python() -> Result<PathBuf, String> {
    let built = || Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("belljar");
    let sdks = std::env::var_os("BELLJAR_DATA_DIR").map_or_else(built, PathBuf::from).join("sdks");
    let wanted = sdks.join("nbformat");
    let lock = fs::read(LOCK).map_err(|error| error.to_string())?;
    let python = wanted.join("bin/python");
    if fs::read(wanted.join("installed.lock")).is_ok_and(|installed| installed == lock) {
        return Ok(python);
    }
    let failed = |error: std::io::Error| format!("install nbformat: {error}");
    fs::create_dir_all(&sdks).map_err(failed)?;
    if wanted.exists() {
        fs::remove_dir_all(&wanted).map_err(failed)?;
    }
    call(Command::new("python3").args(["-m", "venv"]).arg(&wanted))?;
    let arguments =
        ["-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:", "-r", LOCK];
    call(Command::new(&python).args(arguments))?;
    fs::write(wanted.join("installed.lock"), lock).map_err(failed)?;
    Ok(python)
}

fn call(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    let last = String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned();
    if output.status.success() { Ok(()) } else { Err(format!("install nbformat: {last}")) }
}

/// Says aloud and writes down that a test cannot run here, unless it must.
fn skip(name: &str, why: &str) {
    let required = std::env::var("BELLJAR_REQUIRE").unwrap_or_default();
    assert!(!required.split(',').any(|word| word.trim() == "network"), "network is required: {why}");
    eprintln!("skipped {name}: {why}");
    if let Some(path) = std::env::var_os("BELLJAR_SKIPS") {
        let mut file =
            fs::OpenOptions::new().create(true).append(true).open(path).expect("open the list of skips");
        writeln!(file, "{name}: {why}").expect("write the list of skips");
    }
}

/// What Jupyter reads.
fn read(python: &Path, notebook: &str) -> Value {
    let mut command = Command::new(python);
    command
        .args(["-W", "error", "-c", CHECK])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("start Python");
    child.stdin.take().expect("a pipe").write_all(notebook.as_bytes()).expect("write");
    let output = child.wait_with_output().expect("wait");
    assert!(output.status.success(), "{}\n{notebook}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn entry(answer: protocol::Answer) -> Entry {
    let started_at = "2026-11-21T03:08:47.123Z".to_owned();
    let ended_at = Some(started_at.clone());
    Entry { answer, caller: "ada".to_owned(), conversation: None, started_at, ended_at, complete: true }
}

#[test]
fn jupyter_reads_our_notebooks() {
    let python = match python() {
        Ok(python) => python,
        Err(why) => return skip("jupyter_reads_our_notebooks", &why),
    };
    let notebook = read(&python, &export::notebook(&entry(samples::answer(1, "Which region?"))).unwrap());
    let cells = notebook["cells"].as_array().unwrap();
    let kinds: Vec<&str> = cells.iter().map(|cell| cell["cell_type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["markdown", "markdown", "code", "markdown", "code", "code", "code", "markdown"]);
    assert_eq!(notebook["metadata"]["kernelspec"]["name"], "python3");
    let repaired = &cells[4];
    assert_eq!((&repaired["execution_count"], &cells[5]["execution_count"]), (&json!(2), &Value::Null));
    let outputs: Vec<&str> = repaired["outputs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["output_type"].as_str().unwrap())
        .collect();
    assert_eq!(outputs, ["stream", "stream", "display_data", "execute_result"]);
    assert_eq!(repaired["outputs"][2]["data"]["image/png"], samples::PNG);
    assert_eq!(repaired["outputs"][3]["data"]["text/html"], "<table><tr><td>1</td></tr></table>");
    assert_eq!(cells[2]["outputs"][0]["ename"], "ModuleNotFoundError");
    assert_eq!(cells[6]["source"], "%%bash\nwc -l sales.csv");

    // Code can name results as it likes, and a model can say nothing at all.
    let odd = json!({"": "x", "a b/c": "x", "text/plain": 5, "text/x": {"a": 1}, "application/json": [1, {"a": null}],
        "application/vnd.dataresource+json": "no table", "image/png": "not base64", "application/vnd.x.v1+json": {"b": 2}});
    let hostile = samples::run(
        2,
        1,
        "javascript",
        "",
        json!({
            "results": [{"main": false, "data": odd}, {"main": true, "data": {}}],
            "stdout": "\u{0}\u{1b}[31m\r\n", "status": "error",
            "error": {"category": "exception", "name": "", "message": "", "line": null, "retryable": true, "hint": null},
        }),
    );
    let mut answer = samples::answer(2, "");
    answer.turns = vec![samples::turn(1, "```\nopen", std::slice::from_ref(&hostile))];
    answer.executions = vec![hostile];
    answer.answer = String::new();
    let notebook = read(&python, &export::notebook(&entry(answer)).unwrap());
    let shown = &notebook["cells"][2]["outputs"][1]["data"];
    assert_eq!((&shown["text/plain"], &shown["text/x"]), (&json!("5"), &json!("{\"a\":1}")));
    assert_eq!(shown["application/json"], json!([1, {"a": null}]));
    assert_eq!(shown.as_object().unwrap().len(), 6, "{shown}");
}
