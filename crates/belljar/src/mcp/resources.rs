//! Files of sandboxes as resources: listed, and read whole.

use super::call::Call;
use super::refusal::Stop;
use super::tools::files::{Window, read_window};
use super::{Shared, content, uri};
use base64::{Engine, engine::general_purpose::STANDARD};
use interpreter::guess_mime;
use protocol::guest::EntryKind;
use rmcp::ErrorData;
use rmcp::model::{
    ListResourceTemplatesResult, ListResourcesResult, ReadResourceResult, Resource, ResourceContents,
    ResourceTemplate,
};
use std::collections::BTreeMap;

/// Longest file that is read as one resource, in bytes.
const FILE_BYTES_MAX: u64 = 8 << 20;
/// Sandboxes whose files are listed.
const SANDBOXES_MAX: usize = 100;
/// Files that are listed of one sandbox, and how deep they may lie.
const FILES_MAX: usize = 200;
const DEPTH: u32 = 4;

/// How resources are named.
pub fn templates() -> ListResourceTemplatesResult {
    let template =
        ResourceTemplate::new(uri::TEMPLATE, "file").with_title("A file of a sandbox").with_description(
            "`path` is below /workspace, or absolute. Readable as long as the sandbox is there.",
        );
    ListResourceTemplatesResult::with_all_items(vec![template])
}

/// The files of all sandboxes that the caller holds.
///
/// # Errors
/// When nobody waits for the list any more.
pub async fn list(shared: &Shared, call: &Call<'_>) -> Result<ListResourcesResult, ErrorData> {
    let mut found: Vec<Resource> = Vec::new();
    for kept in shared.desk.list_sandboxes(&call.visitor, &BTreeMap::new(), None, SANDBOXES_MAX).items {
        let sandbox = kept.sandbox();
        let files = sandbox.files();
        let listed = match call.unless_cancelled(files.list(".", DEPTH)).await {
            Ok(listed) => listed,
            Err(Stop::Cancelled) => return Err(cancelled()),
            // It ended meanwhile, or has more than can be listed.
            Err(_) => continue,
        };
        let files = listed.iter().filter(|entry| entry.kind == EntryKind::File);
        found
            .extend(files.take(FILES_MAX).map(|file| content::resource(sandbox.id(), &file.path, file.size)));
    }
    Ok(ListResourcesResult::with_all_items(found))
}

/// A file: as text where it is text, else as base64.
///
/// # Errors
/// When there is no such file or sandbox, or the file is too long.
pub async fn read(shared: &Shared, call: &Call<'_>, uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let missing = |why: String| ErrorData::resource_not_found(why, Some(serde_json::json!({ "uri": uri })));
    let Some((sandbox, path)) = uri::read(uri) else {
        return Err(missing(format!("cannot find a resource {uri:?}: they are named {}", uri::TEMPLATE)));
    };
    let lease = shared.find(&call.visitor, &sandbox).await;
    let lease = lease.map_err(|gone| missing(format!("cannot {}", gone.message)))?;
    let window = Window { offset: 0, length: FILE_BYTES_MAX };
    let read = match read_window(call, lease.sandbox(), &path, window).await {
        Ok(read) => read,
        Err(Stop::Refused(refusal)) => return Err(missing(format!("cannot {}", refusal.message))),
        Err(_) => return Err(cancelled()),
    };
    if !read.whole {
        let why = format!(
            "cannot read {path:?} at once: it has more than {FILE_BYTES_MAX} bytes; read_file reads parts"
        );
        return Err(ErrorData::invalid_params(why, None));
    }
    let contents = match String::from_utf8(read.bytes) {
        Ok(text) => ResourceContents::text(text, uri),
        Err(error) => ResourceContents::blob(STANDARD.encode(error.as_bytes()), uri),
    };
    Ok(ReadResourceResult::new(vec![contents.with_mime_type(guess_mime(&path))]))
}

fn cancelled() -> ErrorData {
    ErrorData::internal_error("the request was cancelled", None)
}
