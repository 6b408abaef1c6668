//! What a model reads of an outcome: how it ended, where, why, what helps, what was printed and shown; within a budget.
//!
//! The first line is `status: ` and a few words that stay the same from run to run, so that recordings can compare it.
//! Everything that comes from a sandbox is cleaned of control characters and stands between tags that it cannot close.

mod hints;
mod pictures;
mod text;
mod trace;

use crate::model::Part;
use protocol::{Bundle, Category, Change, FindingKind, Limits, Outcome, OutcomeError, Status};
use std::fmt::Write;

pub(crate) use text::{from_html, squeeze};

/// Bytes of each kind of text that a model reads of one outcome.
pub const TEXT_BYTES: usize = 10_000;
const FILES_SHOWN: usize = 50;
const MESSAGE_BYTES: usize = 2_000;
const STATUS: &str = "status: ";

/// Through what an outcome is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Lens<'a> {
    /// The model reads pictures.
    pub images: bool,
    /// Bytes of each kind of text.
    pub text_bytes: usize,
    /// What is installed: names and versions.
    pub libraries: &'a [(String, String)],
    /// What the sandbox may use.
    pub limits: &'a Limits,
}

/// Shows an outcome of `code`. The first part is text, pictures follow.
pub fn view(outcome: &Outcome, code: &str, lens: &Lens<'_>) -> Vec<Part> {
    let mut out = head(outcome);
    if let Some(error) = &outcome.error {
        failure(&mut out, error, code, lens);
    }
    findings(&mut out, outcome);
    for hint in hints::hints(outcome, lens) {
        let _ = writeln!(out, "hint: {hint}");
    }
    if let Some(error) = outcome.error.as_ref().filter(|error| !error.traceback.is_empty()) {
        section(&mut out, "traceback", &trace::users(&error.traceback), lens.text_bytes);
    }
    streams(&mut out, outcome, lens);
    results(&mut out, &outcome.results, lens);
    files(&mut out, outcome);
    let (note, pictures) = pictures::of(&outcome.results, lens.images);
    out.push_str(&note);
    let mut parts = vec![Part::Text(out.trim_end().to_owned())];
    parts.extend(pictures);
    parts
}

/// Shows that something was not carried out: a name for it, and what would be right.
pub fn not_run(name: &str, why: &str) -> Vec<Part> {
    vec![Part::Text(format!("{STATUS}not_run ({name})\n{why}"))]
}

/// The words of a view that stay the same from run to run: `ok`, `error (KeyError)`; `None` where it is not a view.
pub(crate) fn summary(parts: &[Part]) -> Option<&str> {
    let Some(Part::Text(text)) = parts.first() else {
        return None;
    };
    text.lines().next()?.strip_prefix(STATUS)
}

fn head(outcome: &Outcome) -> String {
    let status = match outcome.status {
        Status::Ok => "ok",
        Status::Error => "error",
        Status::Timeout => "timeout",
        Status::OutOfMemory => "out_of_memory",
        Status::Denied => "denied",
        Status::Cancelled => "cancelled",
        Status::Killed => "killed",
        Status::Lost => "lost",
    };
    match &outcome.error {
        None => format!("{STATUS}{status}\n"),
        Some(error) => format!("{STATUS}{status} ({})\n", text::line(&error.name, 200)),
    }
}

fn failure(out: &mut String, error: &OutcomeError, code: &str, lens: &Lens<'_>) {
    let category = match error.category {
        Category::Syntax => "syntax",
        Category::Exception => "exception",
        Category::Import => "import",
        Category::Timeout => "timeout",
        Category::OutOfMemory => "out_of_memory",
        Category::Policy => "policy",
        Category::Limit => "limit",
        Category::Sandbox => "sandbox",
    };
    let cure = if error.retryable { "yes" } else { "no: other code will not help" };
    let _ = writeln!(out, "category: {category}\nretryable: {cure}");
    let message = interpreter::plain(&error.message);
    let _ = writeln!(out, "message: {}", squeeze(&message, MESSAGE_BYTES.min(lens.text_bytes)));
    if let Some(line) = error.line {
        let quoted = code.lines().nth(line.saturating_sub(1) as usize).map(|line| text::line(line, 300));
        let _ = writeln!(out, "line {line}: {}", quoted.unwrap_or_default().trim());
    }
}

/// Denials always; the rest only where it may explain a failure.
fn findings(out: &mut String, outcome: &Outcome) {
    for finding in &outcome.findings {
        let word = match finding.kind {
            FindingKind::Denied => "denied",
            _ if outcome.status == Status::Ok => continue,
            FindingKind::Advice => "advice",
            FindingKind::Unresolved => "not checked",
        };
        let _ = write!(out, "{word}: rule {}, line {}: {}", finding.rule, finding.span.line, finding.message);
        let hint = finding.hint.as_ref().map(|hint| format!("; {hint}"));
        let _ = writeln!(out, "{}", hint.unwrap_or_default());
    }
}

fn streams(out: &mut String, outcome: &Outcome, lens: &Lens<'_>) {
    let left_out = [outcome.truncated.stdout_bytes, outcome.truncated.stderr_bytes];
    for ((name, text), bytes) in
        [("stdout", &outcome.stdout), ("stderr", &outcome.stderr)].into_iter().zip(left_out)
    {
        if !text.trim().is_empty() {
            section(out, name, text, lens.text_bytes);
        }
        if bytes > 0 {
            let _ = writeln!(out, "{bytes} bytes of {name} were too many and are left out; print less");
        }
    }
    for path in &outcome.truncated.spilled_to {
        let _ = writeln!(out, "all of the output is in {}", text::line(path, 300));
    }
}

fn results(out: &mut String, bundles: &[Bundle], lens: &Lens<'_>) {
    let mut left = lens.text_bytes;
    for bundle in bundles.iter().filter(|bundle| !pictures::is_picture(bundle)) {
        let Some(text) = words(bundle) else {
            let kinds: Vec<&str> = bundle.data.keys().map(String::as_str).collect();
            let _ = writeln!(out, "a result was shown to the user: {}", text::line(&kinds.join(", "), 300));
            continue;
        };
        if left == 0 {
            out.push_str("further results are left out: show fewer\n");
            return;
        }
        section(out, "result", &text, left);
        left = left.saturating_sub(text.len());
    }
}

/// A result as text: plain where there is such a form, or the text of a table, or JSON.
pub(crate) fn words(bundle: &Bundle) -> Option<String> {
    let text = |mime: &str| bundle.data.get(mime).and_then(|value| value.as_str());
    if let Some(text) = text("text/plain").or(text("text/markdown")).or(text("text/latex")) {
        return Some(text.to_owned());
    }
    if let Some(html) = text("text/html") {
        return Some(from_html(html));
    }
    bundle.data.get("application/json").map(|value| value.to_string())
}

fn files(out: &mut String, outcome: &Outcome) {
    for file in outcome.files.iter().take(FILES_SHOWN) {
        let change = if file.change == Change::Created { "created" } else { "changed" };
        let _ = writeln!(out, "file {change}: {} ({} bytes)", text::line(&file.path, 300), file.size);
    }
    let more = outcome.files.len().saturating_sub(FILES_SHOWN) + outcome.truncated.files as usize;
    if more > 0 {
        let _ = writeln!(out, "{more} more files were created or changed");
    }
}

/// Text of a program between tags. It cannot write the closing one.
fn section(out: &mut String, name: &str, text: &str, bytes: usize) {
    let plain = interpreter::plain(text).replace(&format!("</{name}>"), &format!("<\\/{name}>"));
    let _ = writeln!(out, "<{name}>\n{}\n</{name}>", squeeze(plain.trim_end(), bytes));
}

#[cfg(test)]
mod tests;
