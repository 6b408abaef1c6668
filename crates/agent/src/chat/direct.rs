//! The output of a program as an answer: direct mode. The code in a reply is found by `model::direct`.

use super::view::{squeeze, words};
use protocol::Outcome;
use std::fmt::Write;

/// Bytes of each part of an answer that is a program's output.
const OUTPUT_BYTES: usize = 50_000;

/// What a program printed and showed, as Markdown; `None` where that is nothing.
pub(super) fn answer(outcome: &Outcome) -> Option<String> {
    let mut out = String::new();
    block(&mut out, &outcome.stdout);
    for bundle in &outcome.results {
        if let Some(markdown) = bundle.data.get("text/markdown").and_then(|value| value.as_str()) {
            let _ = writeln!(out, "{}\n", interpreter::plain(markdown).trim());
        } else if bundle.data.keys().any(|mime| mime.starts_with("image/")) {
            out.push_str("*(an image)*\n\n");
        } else if let Some(text) = words(bundle) {
            block(&mut out, &text);
        }
    }
    for file in &outcome.files {
        let _ = writeln!(out, "File: `{}` ({} bytes)\n", file.path, file.size);
    }
    let out = out.trim();
    (!out.is_empty()).then(|| out.to_owned())
}

/// A line stands for itself; more are shown as they are.
fn block(out: &mut String, text: &str) {
    let plain = interpreter::plain(text);
    let plain = plain.trim_matches('\n').trim_end();
    match plain.lines().count() {
        0 => {}
        1 => {
            let _ = writeln!(out, "{}\n", plain.trim());
        }
        _ => {
            let _ = writeln!(out, "````text\n{}\n````\n", squeeze(plain, OUTPUT_BYTES));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{Bundle, Change, ExecutionId, FileChange, Language, Status};
    use serde_json::json;

    fn outcome(stdout: &str, results: &[(&str, &str)], path: Option<&str>) -> Outcome {
        let bundle = |(mime, text): &(&str, &str)| Bundle {
            main: true,
            data: [((*mime).to_owned(), json!(text))].into(),
        };
        let file = |path: &str| FileChange {
            path: path.to_owned(),
            size: 3,
            mime: String::new(),
            sha256: None,
            change: Change::Created,
        };
        Outcome {
            id: ExecutionId::from_bits(1),
            sandbox: None,
            context: None,
            language: Language::Python,
            status: Status::Ok,
            exit_code: 0,
            stdout: stdout.to_owned(),
            stderr: "not shown".to_owned(),
            results: results.iter().map(bundle).collect(),
            error: None,
            files: path.map(file).into_iter().collect(),
            truncated: Default::default(),
            usage: Default::default(),
            findings: Vec::new(),
            context_alive: true,
            isolation: None,
        }
    }

    #[test]
    fn output_becomes_markdown() {
        type Row = (
            &'static str,
            &'static [(&'static str, &'static str)],
            Option<&'static str>,
            Option<&'static str>,
        );
        let table: [Row; 8] = [
            ("42\n", &[], None, Some("42")),
            ("a\n  b\n", &[], None, Some("````text\na\n  b\n````")),
            ("\u{1b}[1m42\u{1b}[0m", &[], None, Some("42")),
            ("", &[("text/plain", "42")], None, Some("42")),
            (
                "a",
                &[("text/markdown", "**b**"), ("image/png", "x")],
                None,
                Some("a\n\n**b**\n\n*(an image)*"),
            ),
            ("", &[("text/html", "<td>1</td>")], None, Some("1")),
            ("", &[], Some("a.csv"), Some("File: `a.csv` (3 bytes)")),
            ("\n", &[], None, None),
        ];
        for (stdout, results, file, expected) in table {
            assert_eq!(
                answer(&outcome(stdout, results, file)).as_deref(),
                expected,
                "{stdout:?} {results:?}"
            );
        }
    }
}
