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
/// Longest form of a result in the structured content, in bytes.
const FORM_BYTES_MAX: usize = 64 << 10;
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

/// The outcome without what only costs a model room: pictures, which have blocks of their own, and forms of results that
/// are as long as a page's whole source.
pub fn lean(outcome: &Outcome) -> Outcome {
    let mut outcome = outcome.clone();
    for bundle in &mut outcome.results {
        bundle.data.retain(|mime, value| !mime.starts_with("image/") && length(value) <= FORM_BYTES_MAX);
    }
    outcome
}

fn length(value: &Value) -> usize {
    value.as_str().map_or_else(|| value.to_string().len(), str::len)
}
