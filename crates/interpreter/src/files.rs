//! Files of a sandbox: streamed in and out, a bounded part at a time. Where a path leads is decided inside.

use crate::{
    Error, Sandbox,
    routes::Part,
    text::{plain, printable},
    wire::Gone,
};
use protocol::guest::{Entry, Request, Transfer};
use serde::de::DeserializeOwned;
use std::{collections::BTreeMap, io};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::mpsc::{UnboundedReceiver, error::TryRecvError},
};

/// Bytes of a file in one frame.
const PIECE_BYTES: usize = 256 << 10;
/// Bytes that are asked for at a time: a slow reader holds up nobody else on the same stream.
const WINDOW_BYTES: usize = 8 << 20;
/// What answers to a small question may cost.
const ANSWER_BYTES: usize = 64 << 10;
/// What attributes may cost.
const LOOK_BYTES: usize = 256 << 10;
/// What a listing may cost.
const LISTING_BYTES: usize = 64 << 20;
const ENTRIES_MAX: u32 = 100_000;
const PATH_BYTES_MAX: usize = 16 << 10;

/// Why a file could not be moved. The text fits after "cannot …".
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// A path that names nothing.
    #[error("use {path:?} as a path: {why}")]
    Path {
        /// The path.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The sandbox refused.
    #[error("{message}")]
    Refused {
        /// What failed and why, as the guest tells it.
        message: String,
        /// Linux' error number.
        errno: i32,
    },
    /// What should be written could not be read.
    #[error("read what shall become {path}: {error}")]
    Source {
        /// The path in the sandbox.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// What was read could not be passed on.
    #[error("pass on {path}: {error}")]
    Sink {
        /// The path in the sandbox.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// More entries than one listing shows.
    #[error("list {path}: there are more than {ENTRIES_MAX} entries")]
    TooMany {
        /// The directory.
        path: String,
    },
    /// An answer that does not fit the question.
    #[error("understand the sandbox's answer about {path}")]
    Answer {
        /// The path in the sandbox.
        path: String,
    },
}

impl FileError {
    /// Linux' error number, where there is one.
    pub fn errno(&self) -> Option<i32> {
        match self {
            FileError::Refused { errno, .. } => Some(*errno),
            FileError::Source { error, .. } | FileError::Sink { error, .. } => error.raw_os_error(),
            _ => None,
        }
    }

    /// What to do next, where there is something to do.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            FileError::Refused { errno: 28 | 122, .. } => {
                Some("the workspace is full: ask for more with the disk limit")
            }
            FileError::Refused { errno: 2, .. } => Some("list the directory first: names are case-sensitive"),
            FileError::Refused { errno: 13 | 30, .. } => {
                Some("only /workspace, /tmp and /home/user can be written to")
            }
            FileError::TooMany { .. } => Some("list fewer levels, or one directory below"),
            _ => None,
        }
    }
}

/// Extended attributes of a file.
#[derive(Debug, Clone, Copy)]
pub struct Attributes<'a> {
    /// Names and values.
    pub all: &'a BTreeMap<String, String>,
    /// What their names begin with; nothing is done about others.
    pub prefix: &'a str,
}

/// The files of one sandbox. Paths are absolute or below `/workspace`; names that are not UTF-8 are written as
/// [`protocol::path`] says.
#[derive(Debug, Clone, Copy)]
pub struct Files<'a> {
    sandbox: &'a Sandbox,
    /// Of a branch; empty for everything else.
    root: &'a str,
}

impl<'a> Files<'a> {
    pub(crate) fn of(sandbox: &'a Sandbox, root: &'a str) -> Files<'a> {
        Files { sandbox, root }
    }

    /// A path as the guest knows it: those of a branch are below its root.
    fn at(&self, path: &str) -> String {
        match (self.root, path.starts_with('/')) {
            ("", _) => path.to_owned(),
            (root, true) => format!("{root}{path}"),
            (root, false) => format!("{root}{}/{path}", self.sandbox.workspace()),
        }
    }

    /// Writes a file from `source` with permission bits `mode`; parents are made. The file appears whole or not at all.
    /// Returns its size in bytes.
    ///
    /// # Errors
    /// When the path is unsound, `source` fails, the sandbox refuses or is gone.
    pub async fn write(&self, path: &str, source: impl AsyncRead + Unpin, mode: u32) -> Result<u64, Error> {
        check(path)?;
        let begin = |transfer| Request::WriteBegin { transfer, path: self.at(path), mode };
        self.write_after(path, begin, source).await
    }

    /// Writes a file from `source` where it is, as user code would: links are followed, one that is there is emptied,
    /// others see it grow. A new one has permission bits `mode` (0o644 where there are none); parents are made. Afterwards it has
    /// these extended attributes of those whose names begin with [`Attributes::prefix`]. Returns its size in bytes.
    ///
    /// # Errors
    /// As for [`Files::write`], and where the file system keeps no attributes and there are some (error number 95).
    pub async fn write_in_place(
        &self,
        path: &str,
        source: impl AsyncRead + Unpin,
        mode: Option<u32>,
        attributes: Attributes<'_>,
    ) -> Result<u64, Error> {
        check(path)?;
        let begin = |transfer| Request::WriteInPlace {
            transfer,
            path: self.at(path),
            mode: mode.unwrap_or(0o644),
            attributes: attributes.all.clone(),
            prefix: attributes.prefix.to_owned(),
        };
        self.write_after(path, begin, source).await
    }

    async fn write_after(
        &self,
        path: &str,
        begin: impl FnOnce(Transfer) -> Request,
        source: impl AsyncRead + Unpin,
    ) -> Result<u64, Error> {
        let mut open =
            Open::new(self.sandbox, ANSWER_BYTES, |transfer| Request::WriteEnd { transfer, keep: false });
        let transfer = open.transfer;
        open.send(&begin(transfer), &[]).await?;
        let size = open.pour(path, source).await?;
        open.send(&Request::WriteEnd { transfer, keep: true }, &[]).await?;
        open.done(path).await?;
        Ok(size)
    }

    /// Reads a file into `sink`. Returns its size in bytes. A file that changes meanwhile may come out mixed.
    ///
    /// # Errors
    /// When the path is unsound, `sink` fails, the sandbox refuses or is gone.
    pub async fn read(&self, path: &str, sink: impl AsyncWrite + Unpin) -> Result<u64, Error> {
        self.read_part(path, 0, u64::MAX, sink).await
    }

    /// Reads `length` bytes of a file, from the byte `offset` on, into `sink`; fewer where the file ends before. Returns
    /// how many there were.
    ///
    /// # Errors
    /// As for [`Files::read`].
    pub async fn read_part(
        &self,
        path: &str,
        offset: u64,
        length: u64,
        mut sink: impl AsyncWrite + Unpin,
    ) -> Result<u64, Error> {
        check(path)?;
        let mut done = 0;
        loop {
            let want = (length - done).min(WINDOW_BYTES as u64);
            let count = self.window(path, offset.saturating_add(done), want, &mut sink).await?;
            done += count;
            if count < want || done == length {
                break;
            }
        }
        sink.flush().await.map_err(|error| FileError::Sink { path: printable(path), error })?;
        Ok(done)
    }

    async fn window(
        &self,
        path: &str,
        offset: u64,
        length: u64,
        sink: &mut (impl AsyncWrite + Unpin),
    ) -> Result<u64, Error> {
        let mut open = Open::new(self.sandbox, 2 * WINDOW_BYTES, |transfer| Request::Stop { transfer });
        let transfer = open.transfer;
        open.send(&Request::Read { transfer, path: self.at(path), offset, length }, &[]).await?;
        let mut count = 0;
        while let Some(bytes) = open.chunk().await? {
            count += bytes.len() as u64;
            if count > length {
                return Err(FileError::Answer { path: printable(path) }.into());
            }
            sink.write_all(&bytes).await.map_err(|error| FileError::Sink { path: printable(path), error })?;
        }
        Ok(count)
    }

    /// What is in a directory and `depth - 1` levels below it. Entries that would lead out of it are left out.
    ///
    /// # Errors
    /// When the path is unsound, there are too many entries, the sandbox refuses or is gone.
    pub async fn list(&self, path: &str, depth: u32) -> Result<Vec<Entry>, Error> {
        check(path)?;
        let mut open = Open::new(self.sandbox, LISTING_BYTES, |transfer| Request::Stop { transfer });
        let (transfer, entries) = (open.transfer, ENTRIES_MAX + 1);
        open.send(&Request::List { transfer, path: self.at(path), depth, entries }, &[]).await?;
        let mut listed: Vec<Entry> = Vec::new();
        while let Some(bytes) = open.chunk().await? {
            let part: Vec<Entry> =
                serde_json::from_slice(&bytes).map_err(|_| FileError::Answer { path: printable(path) })?;
            listed.extend(part.into_iter().filter(|entry| crate::collect::is_below(&entry.path)));
            if listed.len() > ENTRIES_MAX as usize {
                return Err(FileError::TooMany { path: printable(path) }.into());
            }
        }
        Ok(listed)
    }

    /// What a path names; a symlink is not followed.
    ///
    /// # Errors
    /// When the path is unsound, the sandbox refuses or is gone.
    pub async fn stat(&self, path: &str) -> Result<Entry, Error> {
        self.look(path, |transfer, path| Request::Stat { transfer, path }).await
    }

    /// What a path leads to, followed as user code would: its entry, with the absolute path at which it is.
    ///
    /// # Errors
    /// As for [`Files::stat`], and where a link leads nowhere.
    pub async fn resolve(&self, path: &str) -> Result<Entry, Error> {
        let mut entry: Entry = self.look(path, |transfer, path| Request::Resolve { transfer, path }).await?;
        if let Some(below) = entry.path.strip_prefix(self.root) {
            entry.path = below.to_owned();
        }
        match entry.path.starts_with('/') {
            true => Ok(entry),
            false => Err(FileError::Answer { path: printable(path) }.into()),
        }
    }

    /// Extended attributes of a file whose names begin with `prefix`; none where its file system has none.
    ///
    /// # Errors
    /// As for [`Files::stat`].
    pub async fn attributes(&self, path: &str, prefix: &str) -> Result<BTreeMap<String, String>, Error> {
        let prefix = prefix.to_owned();
        self.look(path, |transfer, path| Request::Attributes { transfer, path, prefix }).await
    }

    pub(crate) async fn look<T: DeserializeOwned>(
        &self,
        path: &str,
        request: impl FnOnce(Transfer, String) -> Request,
    ) -> Result<T, Error> {
        check(path)?;
        let mut open = Open::new(self.sandbox, LOOK_BYTES, |transfer| Request::Stop { transfer });
        open.send(&request(open.transfer, self.at(path)), &[]).await?;
        let mut found = None;
        while let Some(bytes) = open.chunk().await? {
            found = serde_json::from_slice(&bytes).ok();
        }
        found.ok_or_else(|| FileError::Answer { path: printable(path) }.into())
    }

    /// Makes a directory and its parents.
    ///
    /// # Errors
    /// When the path is unsound, the sandbox refuses or is gone.
    pub async fn make_dir(&self, path: &str) -> Result<(), Error> {
        check(path)?;
        self.ask(path, |transfer| Request::MakeDir { transfer, path: self.at(path) }).await
    }

    /// Removes a file, or a directory with all that is in it.
    ///
    /// # Errors
    /// When the path is unsound, the sandbox refuses or is gone.
    pub async fn remove(&self, path: &str) -> Result<(), Error> {
        check(path)?;
        self.ask(path, |transfer| Request::Remove { transfer, path: self.at(path) }).await
    }

    /// Renames a file or directory.
    ///
    /// # Errors
    /// When a path is unsound, the sandbox refuses or is gone.
    pub async fn rename(&self, from: &str, to: &str) -> Result<(), Error> {
        self.put(from, to, false).await
    }

    /// The same where the directories that hold the new place are made first.
    ///
    /// # Errors
    /// As for [`Files::rename`].
    pub async fn move_to(&self, from: &str, to: &str) -> Result<(), Error> {
        self.put(from, to, true).await
    }

    async fn put(&self, from: &str, to: &str, parents: bool) -> Result<(), Error> {
        check(from)?;
        check(to)?;
        let (from, to) = (self.at(from), self.at(to));
        let order = |transfer| Request::Rename { transfer, from: from.clone(), to: to.clone(), parents };
        self.ask(&from, order).await
    }

    /// Has a watch tell what it has seen until now, and returns after that.
    pub(crate) async fn drain(&self, path: &str, watch: Transfer) -> Result<(), Error> {
        self.ask(path, |transfer| Request::WatchDrain { transfer, watch }).await
    }

    /// Not about files, but asked for and answered as they are.
    pub(crate) async fn pause(&self, pause: bool) -> Result<(), Error> {
        self.ask("the sandbox", |transfer| Request::Pause { transfer, pause }).await
    }

    async fn ask(&self, path: &str, request: impl Fn(Transfer) -> Request) -> Result<(), Error> {
        let mut open = Open::new(self.sandbox, ANSWER_BYTES, |transfer| Request::Stop { transfer });
        open.send(&request(open.transfer), &[]).await?;
        open.done(path).await
    }
}

pub(crate) fn check(path: &str) -> Result<(), FileError> {
    let why = match path {
        "" => "it is empty",
        path if path.contains('\0') => "a path contains no NUL",
        path if path.len() > PATH_BYTES_MAX => "it is too long",
        _ => return Ok(()),
    };
    Err(FileError::Path { path: printable(&path.chars().take(200).collect::<String>()), why })
}

/// A transfer that is given up when it is dropped before its end.
pub(crate) struct Open<'a> {
    sandbox: &'a Sandbox,
    transfer: Transfer,
    parts: UnboundedReceiver<Part>,
    give_up: Request,
}

impl<'a> Open<'a> {
    fn new(sandbox: &'a Sandbox, bytes_max: usize, give_up: impl Fn(Transfer) -> Request) -> Open<'a> {
        let (transfer, parts) = sandbox.wire().routes.add_transfer(bytes_max);
        Open { sandbox, transfer, parts, give_up: give_up(transfer) }
    }

    fn lost(&self, gone: Gone) -> Error {
        self.sandbox.lost(gone)
    }

    async fn send(&self, request: &Request, payload: &[u8]) -> Result<(), Error> {
        self.sandbox.wire().send(request, payload).await.map_err(|gone| self.lost(gone))
    }

    /// Sends all of `source`, and stops at once where the guest refuses meanwhile.
    async fn pour(&mut self, path: &str, mut source: impl AsyncRead + Unpin) -> Result<u64, Error> {
        let order = Request::WriteChunk { transfer: self.transfer };
        let mut buffer = vec![0; PIECE_BYTES];
        let mut size = 0;
        loop {
            let count = source.read(&mut buffer).await;
            let count = count.map_err(|error| FileError::Source { path: printable(path), error })?;
            if count == 0 {
                return Ok(size);
            }
            match self.parts.try_recv() {
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => return Err(self.lost(self.sandbox.wire().gone())),
                Ok(Part::Failed { errno, message }) => return Err(refused(errno, &message)),
                Ok(_) => return Err(FileError::Answer { path: printable(path) }.into()),
            }
            self.send(&order, &buffer[..count]).await?;
            size += count as u64;
        }
    }

    /// The next chunk, or `None` at the end.
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Error> {
        match self.parts.recv().await {
            Some(Part::Chunk(bytes)) => Ok(Some(bytes)),
            Some(Part::Done) => Ok(None),
            Some(Part::Failed { errno, message }) => Err(refused(errno, &message)),
            None => Err(self.lost(self.sandbox.wire().gone())),
        }
    }

    async fn done(&mut self, path: &str) -> Result<(), Error> {
        match self.chunk().await? {
            None => Ok(()),
            Some(_) => Err(FileError::Answer { path: printable(path) }.into()),
        }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if self.sandbox.wire().routes.remove_transfer(self.transfer) {
            self.sandbox.wire().post(&self.give_up);
        }
    }
}

fn refused(errno: i32, message: &str) -> Error {
    let message = plain(message).replace('\n', " ");
    FileError::Refused { message, errno }.into()
}
