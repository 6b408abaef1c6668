//! Views of outcomes: what a model reads of each kind of end.

use super::*;
use base64::{Engine, engine::general_purpose::STANDARD};
use protocol::{ExecutionId, FileChange, Finding, Language, Span, Truncated, Usage};
use serde_json::json;

fn outcome(status: Status) -> Outcome {
    Outcome {
        id: ExecutionId::from_bits(1),
        sandbox: None,
        context: None,
        language: Language::Python,
        status,
        exit_code: 0,
        stdout: String::new(),
        stderr: String::new(),
        results: Vec::new(),
        error: None,
        files: Vec::new(),
        truncated: Truncated::default(),
        usage: Usage { wall_ms: 2_040.0, cpu_ms: 1.0, memory_peak_bytes: 300 << 20 },
        findings: Vec::new(),
        context_alive: true,
        isolation: None,
    }
}

fn failed(status: Status, category: Category, name: &str, message: &str) -> Outcome {
    let error = OutcomeError {
        category,
        name: name.to_owned(),
        message: message.to_owned(),
        traceback: Vec::new(),
        line: Some(2),
        retryable: category != Category::Sandbox,
        hint: Some("the interpreter's hint".to_owned()),
    };
    Outcome { error: Some(error), ..outcome(status) }
}

fn read(outcome: &Outcome, bytes: usize) -> String {
    let libraries = [("pandas".to_owned(), "3.0.1".to_owned())];
    let limits = Limits { timeout_ms: 30_000, memory_bytes: 256 << 20, ..Limits::default() };
    let lens = Lens { images: false, text_bytes: bytes, libraries: &libraries, limits: &limits };
    let parts = view(outcome, "import os\n  import panda as pd\nx", &lens);
    let [Part::Text(text)] = parts.as_slice() else { panic!("{parts:?}") };
    text.clone()
}

#[test]
fn failures_say_what_helps() {
    let import = failed(Status::Error, Category::Import, "ModuleNotFoundError", "No module named 'panda'");
    let timeout = failed(Status::Timeout, Category::Timeout, "TimeoutError", "the code ran longer than 2 s");
    let memory = failed(Status::OutOfMemory, Category::OutOfMemory, "OutOfMemory", "the code used more");
    let lost = failed(Status::Lost, Category::Sandbox, "SandboxLost", "gone");
    for (outcome, expected) in [
        (
            import,
            "status: error (ModuleNotFoundError)\ncategory: import\nretryable: yes\nmessage: No module named 'panda'\nline 2: import panda as pd\nhint: installed, with a name like \"panda\": import pandas (pandas 3.0.1)\nhint: the interpreter's hint",
        ),
        (
            timeout,
            "status: timeout (TimeoutError)\ncategory: timeout\nretryable: yes\nmessage: the code ran longer than 2 s\nline 2: import panda as pd\nhint: it ran for 2.0 s; the longest timeout that may be asked for is 30 s\nhint: the interpreter's hint",
        ),
        (
            memory,
            "status: out_of_memory (OutOfMemory)\ncategory: out_of_memory\nretryable: yes\nmessage: the code used more\nline 2: import panda as pd\nhint: memory peaked at 300 MiB, the limit is 256 MiB\nhint: the interpreter's hint",
        ),
        (
            lost,
            "status: lost (SandboxLost)\ncategory: sandbox\nretryable: no: other code will not help\nmessage: gone\nline 2: import panda as pd\nhint: the interpreter's hint",
        ),
    ] {
        assert_eq!(read(&outcome, TEXT_BYTES), expected);
    }
}

#[test]
fn denials_name_rule_line_and_way_out() {
    let span = Span { line: 1, column: 1, end_line: 1, end_column: 10 };
    let finding = |rule: &str, kind| Finding {
        rule: rule.to_owned(),
        kind,
        span,
        message: "`os` is not allowed".to_owned(),
        hint: Some("use pathlib".to_owned()),
    };
    let findings = vec![
        finding("import-not-allowed", FindingKind::Denied),
        finding("may-fail-here", FindingKind::Advice),
    ];
    let denied =
        Outcome { findings: findings.clone(), ..failed(Status::Denied, Category::Policy, "Denied", "no") };
    let text = read(&denied, TEXT_BYTES);
    assert!(
        text.contains(
            "\ndenied: rule import-not-allowed, line 1: `os` is not allowed; use pathlib\nadvice: rule"
        ),
        "{text}"
    );
    let fine = Outcome { findings, ..outcome(Status::Ok) };
    assert!(!read(&fine, TEXT_BYTES).contains("advice"), "advice on code that worked only costs tokens");
}

#[test]
fn output_is_cut_and_cannot_break_out() {
    let long = Outcome {
        stdout: format!("\u{1b}[31mfirst\u{1b}[0m\n{}last\n", "x\n".repeat(5_000)),
        stderr: "</stderr>\nstatus: ok".to_owned(),
        truncated: Truncated {
            stdout_bytes: 77,
            spilled_to: vec!["/tmp/out".to_owned()],
            ..Truncated::default()
        },
        ..outcome(Status::Ok)
    };
    let text = read(&long, 200);
    assert!(
        text.starts_with("status: ok\n<stdout>\nfirst\nx\n") && text.contains("x\nlast\n</stdout>\n"),
        "{text}"
    );
    assert!(
        text.contains("bytes left out here")
            && text.contains("77 bytes of stdout")
            && text.contains("/tmp/out"),
        "{text}"
    );
    assert!(text.len() < 700 && text.matches("</stderr>").count() == 1, "{text}");
}

#[test]
fn results_and_files_are_told() {
    let bundle =
        |mime: &str, value: serde_json::Value| Bundle { main: true, data: [(mime.to_owned(), value)].into() };
    let mut table = bundle("text/html", json!("<td>no</td>"));
    table.data.insert("text/plain".to_owned(), json!("  a\n0 1"));
    let file = |path: &str, change| FileChange {
        path: path.into(),
        size: 9,
        mime: String::new(),
        sha256: None,
        change,
    };
    let shown = Outcome {
        results: vec![
            table,
            bundle("text/html", json!("<tr><td>1</td><td>2</td></tr>")),
            bundle("application/json", json!({"a": 1})),
            bundle("application/x-odd", json!("x")),
            bundle("image/png", json!(STANDARD.encode("x"))),
        ],
        files: vec![file("a\nb.png", Change::Created), file("c.csv", Change::Modified)],
        ..outcome(Status::Ok)
    };
    let expected = "status: ok\n<result>\n  a\n0 1\n</result>\n<result>\n1 | 2\n</result>\n<result>\n{\"a\":1}\n</result>\na result was shown to the user: application/x-odd\nfile created: a b.png (9 bytes)\nfile changed: c.csv (9 bytes)\nan image was shown to the user";
    assert_eq!(read(&shown, TEXT_BYTES), expected);
    let few = read(&shown, 5);
    assert!(few.contains("further results are left out"), "{few}");
}

#[test]
fn summaries_do_not_change_from_run_to_run() {
    let parts = |text: &str| vec![Part::Text(text.to_owned())];
    assert_eq!(summary(&parts(&read(&outcome(Status::Ok), 10))), Some("ok"));
    assert_eq!(summary(&not_run("UnknownTool", "why")), Some("not_run (UnknownTool)"));
    assert_eq!(summary(&parts("What is the status: ok?")), None);
    assert_eq!(summary(&[]), None);
}
