//! `list_files`, `read_file` and `write_file`, and how files go in and out for the other tools.

use super::sandboxes::result;
use crate::mcp::arguments::{self, ListFiles, ReadFile, Upload, WriteFile};
use crate::mcp::call::Call;
use crate::mcp::refusal::{Refusal, Stop};
use crate::mcp::{Shared, content, uri};
use base64::{Engine, engine::general_purpose::STANDARD};
use desk::File;
use interpreter::{Error, FileError, Sandbox, guess_mime, printable};
use protocol::guest::{Entry, EntryKind};
use rmcp::model::{CallToolResult, ContentBlock, JsonObject, ResourceContents};
use serde_json::{Value, json};
use std::fmt::Write;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::AsyncWrite;

/// Entries that one listing tells.
const ENTRIES_MAX: usize = 1000;
/// Levels of directories that one listing may have.
pub const DEPTH_MAX: u32 = 16;
/// Bytes that one call reads where it names none, and at most.
pub const LENGTH: u64 = 64 << 10;
pub const LENGTH_MAX: u64 = 1 << 20;

/// `list_files`.
pub async fn list(
    shared: &Arc<Shared>,
    call: &Call<'_>,
    arguments: Option<JsonObject>,
) -> Result<CallToolResult, Stop> {
    const TOOL: &str = "list_files";
    let ListFiles { sandbox, path, depth } = arguments::read(TOOL, arguments)?;
    let depth = depth.unwrap_or(1);
    if !(1..=DEPTH_MAX).contains(&depth) {
        return Err(arguments::wrong(TOOL, &format!("depth is {depth}, not from 1 to {DEPTH_MAX}")));
    }
    let path = path.unwrap_or_else(|| "/workspace".to_owned());
    let lease = shared.find(&call.visitor, &sandbox).await?;
    let mut entries = call.unless_cancelled(lease.sandbox().files().list(&path, depth)).await?;
    entries.sort_by(|one, other| one.path.cmp(&other.path));
    let left_out = entries.len().saturating_sub(ENTRIES_MAX);
    entries.truncate(ENTRIES_MAX);
    let mut text = match entries.len() {
        0 => format!("{} is empty", printable(&path)),
        _ => entries.iter().map(line).collect::<Vec<_>>().join("\n"),
    };
    if left_out > 0 {
        let _ = write!(text, "\n{left_out} more are left out: list a directory below");
    }
    let entries: Vec<Value> = entries.iter().map(told).collect();
    Ok(result(text, json!({ "path": path, "entries": entries, "left_out": left_out })))
}

fn line(entry: &Entry) -> String {
    let path = printable(&entry.path);
    match entry.kind {
        EntryKind::File => format!("{path} ({} bytes)", entry.size),
        EntryKind::Directory => format!("{path}/"),
        EntryKind::Symlink => format!("{path} -> {}", printable(entry.target.as_deref().unwrap_or_default())),
        EntryKind::Other => format!("{path} (neither file nor directory)"),
    }
}

fn told(entry: &Entry) -> Value {
    json!({ "path": entry.path, "kind": entry.kind, "size": entry.size, "modified_ms": entry.modified_ms })
}

/// `read_file`: text as text, pictures as pictures, the rest as a blob.
pub async fn read(
    shared: &Arc<Shared>,
    call: &Call<'_>,
    arguments: Option<JsonObject>,
) -> Result<CallToolResult, Stop> {
    const TOOL: &str = "read_file";
    let ReadFile { sandbox, path, offset, length } = arguments::read(TOOL, arguments)?;
    let (offset, asked) = (offset.unwrap_or(0), length);
    let length = asked.unwrap_or(LENGTH);
    if !(1..=LENGTH_MAX).contains(&length) {
        return Err(arguments::wrong(TOOL, &format!("length is {length}, not from 1 to {LENGTH_MAX}")));
    }
    let lease = shared.find(&call.visitor, &sandbox).await?;
    let mime = guess_mime(&path);
    let picture = matches!(mime.as_str(), "image/png" | "image/jpeg" | "image/gif" | "image/webp");
    // A part of a picture shows nothing.
    let length = if picture && asked.is_none() { LENGTH_MAX } else { length };
    let read = read_window(call, lease.sandbox(), &path, Window { offset, length }).await?;
    if picture && read.whole && offset == 0 {
        return Ok(CallToolResult::success(vec![ContentBlock::image(STANDARD.encode(&read.bytes), mime)]));
    }
    let end = offset.saturating_add(read.bytes.len() as u64);
    let mut blocks = vec![match text(&read) {
        Some(text) => ContentBlock::text(text),
        None => {
            let blob = ResourceContents::blob(STANDARD.encode(&read.bytes), uri::of(&sandbox, &path));
            ContentBlock::resource(blob.with_mime_type(mime))
        }
    }];
    if !read.whole {
        let note = format!("these are bytes {offset} to {end} of the file; read on with offset {end}");
        blocks.push(ContentBlock::text(note));
    }
    Ok(CallToolResult::success(blocks))
}

/// Text, where it is some; a character that the window has cut is left out.
fn text(read: &Read) -> Option<String> {
    let start = if read.from_start {
        0
    } else {
        read.bytes.iter().take(3).take_while(|b| **b & 0xc0 == 0x80).count()
    };
    let bytes = &read.bytes[start..];
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text.to_owned()),
        Err(error) if !read.whole && error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).ok().map(str::to_owned)
        }
        Err(_) => None,
    }
}

/// `write_file`.
pub async fn write(
    shared: &Arc<Shared>,
    call: &Call<'_>,
    arguments: Option<JsonObject>,
) -> Result<CallToolResult, Stop> {
    const TOOL: &str = "write_file";
    let WriteFile { sandbox, path, text, base64 } = arguments::read(TOOL, arguments)?;
    let file = arguments::content(TOOL, Upload { path, text, base64 })?;
    let lease = shared.find(&call.visitor, &sandbox).await?;
    lease.claim();
    let (path, size) = (file.path.clone(), file.bytes.len() as u64);
    call.unless_cancelled(File::write_all(lease.sandbox(), &[file])).await?;
    let told = json!({ "path": path, "size": size, "uri": uri::of(&sandbox, &path) });
    let mut written = result(format!("wrote {} ({size} bytes)", printable(&path)), told);
    written.content.push(ContentBlock::resource_link(content::resource(&sandbox, &path, size)));
    Ok(written)
}

/// A part of a file.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// Where it begins, in bytes.
    pub offset: u64,
    /// How long it is at most.
    pub length: u64,
}

/// What was read.
#[derive(Debug)]
pub struct Read {
    /// The bytes of the window.
    pub bytes: Vec<u8>,
    /// Nothing of the file lies behind them.
    pub whole: bool,
    from_start: bool,
}

/// Reads a part of a file, and no more of it than that takes.
///
/// # Errors
/// When the file cannot be read, or the call is cancelled.
pub async fn read_window(
    call: &Call<'_>,
    sandbox: &Sandbox,
    path: &str,
    window: Window,
) -> Result<Read, Stop> {
    let mut sink = Sink { bytes: Vec::new(), skip: window.offset, room: window.length, full: false };
    match call.unless_cancelled(async { Ok::<_, Stop>(sandbox.files().read(path, &mut sink).await) }).await? {
        Ok(_) => {}
        Err(Error::File(FileError::Sink { .. })) if sink.full => {}
        Err(error) if is_directory(&error) => {
            let message = format!("read {}: it is a directory", printable(path));
            return Err(Refusal::new("file", message, "list_files shows what is in it").into());
        }
        Err(error) => return Err(error.into()),
    }
    Ok(Read { bytes: sink.bytes, whole: !sink.full, from_start: window.offset == 0 })
}

fn is_directory(error: &Error) -> bool {
    matches!(error, Error::File(error) if error.errno() == Some(21))
}

/// Keeps the bytes of a window, and stops whoever writes when it has them.
struct Sink {
    bytes: Vec<u8>,
    skip: u64,
    room: u64,
    full: bool,
}

impl AsyncWrite for Sink {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        let skipped = self.skip.min(buffer.len() as u64);
        self.skip -= skipped;
        let rest = &buffer[skipped as usize..];
        let taken = self.room.min(rest.len() as u64);
        self.room -= taken;
        self.bytes.extend_from_slice(&rest[..taken as usize]);
        if (taken as usize) < rest.len() {
            self.full = true;
            return Poll::Ready(Err(io::Error::other("the window is full")));
        }
        Poll::Ready(Ok(buffer.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    #[test]
    fn a_window_has_its_bytes_and_knows_what_is_behind() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for (offset, length, expected, full) in [
            (0, 10, "0123456789", false),
            (0, 3, "012", true),
            (8, 2, "89", false),
            (8, 1, "8", true),
            (4, 100, "456789", false),
            (100, 1, "", false),
        ] {
            let mut sink = Sink { bytes: Vec::new(), skip: offset, room: length, full: false };
            let written = runtime.block_on(async {
                for piece in ["012", "34567", "89"] {
                    sink.write_all(piece.as_bytes()).await?;
                }
                io::Result::Ok(())
            });
            assert_eq!((sink.bytes.as_slice(), sink.full), (expected.as_bytes(), full), "{offset} {length}");
            assert_eq!(written.is_err(), full);
        }
    }

    #[test]
    fn cut_characters_are_left_out_and_bytes_are_no_text() {
        let read = |bytes: &[u8], from_start, whole| text(&Read { bytes: bytes.to_vec(), whole, from_start });
        assert_eq!(read("aé".as_bytes(), true, true).as_deref(), Some("aé"));
        assert_eq!(read(b"a\xc3", true, false).as_deref(), Some("a"));
        assert_eq!(read(b"\xa9a", false, true).as_deref(), Some("a"));
        assert_eq!(read(b"a\xc3", true, true), None);
        assert_eq!(read(b"\xa9a", true, true), None);
        assert_eq!(read(b"\xffa", false, false), None);
    }
}
