//! A directory as one tar file, made while it is sent: no part of it is kept here.

use super::{files::Held, problem::Problem};
use axum::{
    body::Body,
    http::header,
    response::{IntoResponse, Response},
};
use protocol::guest::{Entry, EntryKind};
use std::io;
use tokio::io::{AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio_util::io::ReaderStream;

const PIPE_BYTES: usize = 256 << 10;
const LEVELS: u32 = 64;
/// Tar counts in blocks of so many bytes.
const BLOCK: u64 = 512;

/// Sends it.
pub async fn tar(held: Held, path: String) -> Result<Response, Problem> {
    let entries = held.files().list(&path, LEVELS).await?;
    let (writer, reader) = tokio::io::duplex(PIPE_BYTES);
    tokio::spawn(async move {
        if let Err(error) = write(&held, &path, entries, writer).await {
            tracing::debug!("an archive broke off: {error}");
        }
    });
    let shown = [(header::CONTENT_TYPE, "application/x-tar"), (header::CONTENT_DISPOSITION, "attachment")];
    Ok((shown, Body::from_stream(ReaderStream::new(reader))).into_response())
}

async fn write(held: &Held, path: &str, entries: Vec<Entry>, mut to: DuplexStream) -> io::Result<()> {
    for entry in entries {
        to.write_all(&head(&entry)?).await?;
        if entry.kind == EntryKind::File {
            let from = format!("{path}/{}", entry.path);
            let mut counted = Counted { to: &mut to, left: entry.size };
            let read = held.files().read_part(&from, 0, entry.size, &mut counted).await;
            let left = counted.left;
            // What was removed or cut off meanwhile is filled up, or all that follows would be misread.
            if let Err(error) = read {
                tracing::debug!("cannot {error}");
            }
            fill(&mut to, left + (BLOCK - entry.size % BLOCK) % BLOCK).await?;
        }
    }
    fill(&mut to, 2 * BLOCK).await?;
    to.shutdown().await
}

/// The blocks before the bytes of an entry; none for what no archive can hold.
fn head(entry: &Entry) -> io::Result<Vec<u8>> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(entry.mode & 0o777);
    header.set_mtime(u64::try_from(entry.modified_ms / 1000).unwrap_or(0));
    header.set_size(0);
    let mut builder = tar::Builder::new(Vec::new());
    match (entry.kind, &entry.target) {
        (EntryKind::File, _) => header.set_size(entry.size),
        (EntryKind::Directory, _) => header.set_entry_type(tar::EntryType::Directory),
        (EntryKind::Symlink, Some(target)) => {
            header.set_entry_type(tar::EntryType::Symlink);
            builder.append_link(&mut header, &entry.path, target)?;
            return Ok(std::mem::take(builder.get_mut()));
        }
        _ => return Ok(Vec::new()),
    }
    builder.append_data(&mut header, &entry.path, io::empty())?;
    Ok(std::mem::take(builder.get_mut()))
}

async fn fill(to: &mut DuplexStream, bytes: u64) -> io::Result<()> {
    tokio::io::copy(&mut tokio::io::AsyncReadExt::take(tokio::io::repeat(0), bytes), to).await.map(drop)
}

/// Counts what is written.
struct Counted<'a> {
    to: &'a mut DuplexStream,
    left: u64,
}

impl AsyncWrite for Counted<'_> {
    fn poll_write(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
        bytes: &[u8],
    ) -> std::task::Poll<io::Result<usize>> {
        let written = std::pin::Pin::new(&mut *self.to).poll_write(context, bytes);
        if let std::task::Poll::Ready(Ok(count)) = &written {
            self.left = self.left.saturating_sub(*count as u64);
        }
        written
    }

    fn poll_flush(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<io::Result<()>> {
        std::pin::Pin::new(&mut *self.to).poll_flush(context)
    }

    fn poll_shutdown(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }
}
