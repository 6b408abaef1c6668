//! An outcome as a tool's result: a short text first, then pictures, then links to files; all of it again as an `Outcome`.

use super::uri;
use agent::chat::view::{Lens, view};
use agent::model::Part;
use interpreter::guess_mime;
use protocol::{Bundle, Change, FileChange, Outcome, SandboxId, Status};
use rmcp::model::{CallToolResult, ContentBlock, Resource};
use serde_json::Value;

/// Bytes of each kind of text in the first block.
const TEXT_BYTES: usize = 10_000;
/// Longest form of a result in the structured content, in bytes, and all of them together.
const FORM_BYTES_MAX: usize = 64 << 10;
const FORMS_BYTES_MAX: usize = 256 << 10;
/// Changed files that the structured content lists.
const FILES_MAX: usize = 200;
const LINKS_MAX: usize = 50;

/// What there is to say besides the outcome.
pub struct Ran<'a> {
    /// How it ended.
    pub outcome: &'a Outcome,
    /// The code that ran.
    pub code: &'a str,
    /// What is installed.
    pub libraries: &'a [(String, String)],
    /// What the sandbox may use.
    pub limits: &'a protocol::Limits,
    /// The sandbox is still there, and its files can be read.
    pub kept: bool,
    /// What to tell about the sandbox.
    pub note: Option<String>,
}

/// The result of a tool that ran code.
pub fn of(ran: &Ran<'_>) -> CallToolResult {
    let (text, pictures) = shown(ran);
    let mut content = vec![ContentBlock::text(text)];
    content.extend(pictures);
    if let (true, Some(sandbox)) = (ran.kept, &ran.outcome.sandbox) {
        content.extend(links(sandbox, &ran.outcome.files));
    }
    let mut result = match ran.outcome.status {
        Status::Ok => CallToolResult::success(content),
        _ => CallToolResult::error(content),
    };
    result.structured_content = serde_json::to_value(lean(ran.outcome)).ok();
    result
}

/// Text that a model reads, and the pictures that it can look at.
fn shown(ran: &Ran<'_>) -> (String, Vec<ContentBlock>) {
    let lens = Lens { images: true, text_bytes: TEXT_BYTES, libraries: ran.libraries, limits: ran.limits };
    let all = pictures(ran.outcome, &lens, ran.code);
    let pictured = ran.outcome.results.iter().filter(|bundle| is_picture(bundle)).count();
    let results = ran.outcome.results.iter().filter(|bundle| !is_picture(bundle)).cloned().collect();
    let wordy = Outcome { results, ..ran.outcome.clone() };
    let mut text = match view(&wordy, ran.code, &lens).into_iter().next() {
        Some(Part::Text(text)) => text,
        _ => String::new(),
    };
    match (pictured, all.len()) {
        (0, _) => {}
        (1, 1) => text.push_str("\nan image follows"),
        (count, follow) if count == follow => text.push_str(&format!("\n{count} images follow")),
        (count, follow) => text.push_str(&format!(
            "\n{count} images were made, {follow} of them follow: the rest is too large or too many; save them as files"
        )),
    }
    if let Some(note) = &ran.note {
        text.push('\n');
        text.push_str(note);
    }
    (text, all)
}

/// The pictures of an outcome that a model can look at.
pub fn pictures(outcome: &Outcome, lens: &Lens<'_>, code: &str) -> Vec<ContentBlock> {
    let parts = view(outcome, code, lens).into_iter();
    let images = parts.filter_map(|part| match part {
        Part::Image { mime, base64 } => Some(ContentBlock::image(base64, mime)),
        _ => None,
    });
    images.collect()
}

/// Links to files.
pub fn links(sandbox: &SandboxId, files: &[FileChange]) -> Vec<ContentBlock> {
    files.iter().take(LINKS_MAX).map(|file| ContentBlock::resource_link(link(sandbox, file))).collect()
}

fn link(sandbox: &SandboxId, file: &FileChange) -> Resource {
    let change = if file.change == Change::Created { "created" } else { "changed" };
    resource(sandbox, &file.path, file.size).with_description(format!("{change} by this run"))
}

/// A file as a resource.
pub fn resource(sandbox: &SandboxId, path: &str, size: u64) -> Resource {
    let name = interpreter::printable(path);
    Resource::new(uri::of(sandbox, path), name).with_mime_type(guess_mime(path)).with_size(size)
}

fn is_picture(bundle: &Bundle) -> bool {
    bundle.data.keys().any(|mime| mime.starts_with("image/"))
}

/// The outcome without what only costs a model room: pictures, which have blocks of their own, their charts and the columns
/// of tables, which are for programs, forms of results that are as long as a page's whole source, and files beyond count.
fn lean(outcome: &Outcome) -> Outcome {
    let mut outcome = outcome.clone();
    let mut left = FORMS_BYTES_MAX;
    for bundle in &mut outcome.results {
        bundle.data.retain(|mime, value| {
            let bytes = length(value);
            let repeats = mime.starts_with("image/") || mime.starts_with("application/vnd.belljar.");
            let keeps = !repeats && bytes <= FORM_BYTES_MAX.min(left);
            left -= if keeps { bytes } else { 0 };
            keeps
        });
    }
    let more = outcome.files.len().saturating_sub(FILES_MAX);
    outcome.files.truncate(FILES_MAX);
    outcome.truncated.files = outcome.truncated.files.saturating_add(more as u32);
    outcome
}

fn length(value: &Value) -> usize {
    value.as_str().map_or_else(|| value.to_string().len(), str::len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn structured_content_stays_short() {
        let text = "x".repeat(FORM_BYTES_MAX);
        let bundle =
            |mime: &str, data: &str| json!({ "main": false, "data": { mime: data, "text/plain": "p" } });
        let mut results = vec![
            bundle("image/png", "AAAA"),
            bundle("application/vnd.belljar.chart+json", "{}"),
            bundle("text/html", &format!("{text}x")),
        ];
        results.extend(vec![bundle("text/html", &text); 9]);
        let file = json!({ "path": "p", "size": 1, "mime": "", "sha256": null, "change": "created" });
        let outcome = serde_json::from_value(json!({
            "id": format!("exe_{:032x}", 1), "sandbox": null, "context": null, "language": "python", "status": "ok",
            "exit_code": 0, "stdout": "", "stderr": "", "results": results, "error": null,
            "files": vec![file; FILES_MAX + 3], "truncated": { "stdout_bytes": 0, "stderr_bytes": 0, "files": 4 },
            "usage": { "wall_ms": 0.0, "cpu_ms": 0.0, "memory_peak_bytes": 0 }, "findings": [], "context_alive": true,
            "isolation": null,
        }));
        let lean = lean(&outcome.unwrap());
        let forms: Vec<usize> = lean.results.iter().map(|bundle| bundle.data.len()).collect();
        assert_eq!(
            forms,
            [1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1],
            "four long ones less the short forms fit three times"
        );
        assert_eq!((lean.files.len(), lean.truncated.files), (FILES_MAX, 7));
        assert!(serde_json::to_string(&lean.results).unwrap().len() < FORMS_BYTES_MAX + 2000);
    }
}
