//! The files of an honest fake guest: paths and bytes in memory.

use super::FakeGuest;
use protocol::{
    Change,
    guest::{Changed, Entry, EntryKind, Reply, Request, Transfer},
};
use std::collections::{BTreeMap, BTreeSet};

const PIECE_BYTES: usize = 64 << 10;

/// Files, directories, and what was written since somebody asked last.
#[derive(Default)]
pub(super) struct Files {
    files: BTreeMap<String, (u32, Vec<u8>)>,
    dirs: BTreeSet<String>,
    writing: BTreeMap<Transfer, (String, u32, Vec<u8>)>,
    changed: BTreeMap<String, Change>,
}

type Refusal = (i32, &'static str);

impl Files {
    /// Writes a file as code in the sandbox would.
    pub fn put(&mut self, path: &str, bytes: &[u8]) {
        let path = absolute(path);
        let change = if self.files.contains_key(&path) { Change::Modified } else { Change::Created };
        self.changed.insert(path.clone(), change);
        self.files.insert(path, (0o644, bytes.to_vec()));
    }

    /// The bytes of a file.
    pub fn get(&self, path: &str) -> Option<&[u8]> {
        self.files.get(&absolute(path)).map(|(_, bytes)| bytes.as_slice())
    }

    /// What code changed below `/workspace` since the last call.
    pub fn changes(&mut self) -> Vec<Changed> {
        let changed = std::mem::take(&mut self.changed);
        let below = |(path, change): (String, Change)| {
            let size = self.files.get(&path).map_or(0, |(_, bytes)| bytes.len() as u64);
            let path = path.strip_prefix("/workspace/")?.to_owned();
            Some(Changed { path, size, sha256: None, change })
        };
        changed.into_iter().filter_map(below).collect()
    }

    /// Answers a file request; false where it is none.
    pub async fn answer(&mut self, guest: &mut FakeGuest, request: &Request, payload: &[u8]) -> bool {
        let (transfer, answer) = match request {
            Request::WriteBegin { transfer, path, mode } => {
                self.writing.insert(*transfer, (absolute(path), *mode, Vec::new()));
                return true;
            }
            Request::WriteChunk { transfer } => {
                if let Some((.., bytes)) = self.writing.get_mut(transfer) {
                    bytes.extend_from_slice(payload);
                }
                return true;
            }
            Request::Stop { transfer } | Request::WriteEnd { transfer, keep: false } => {
                self.writing.remove(transfer);
                return true;
            }
            Request::WriteEnd { transfer, keep: true } => (*transfer, self.keep(*transfer)),
            Request::Read { transfer, path, offset, length } => {
                (*transfer, self.read(path, *offset, *length))
            }
            Request::List { transfer, path, .. } => (*transfer, self.list(path)),
            Request::Stat { transfer, path } => (*transfer, self.stat(path)),
            Request::MakeDir { transfer, path } => {
                self.dirs.insert(absolute(path));
                (*transfer, Ok(Vec::new()))
            }
            Request::Remove { transfer, path } => (*transfer, self.remove(path)),
            Request::Rename { transfer, from, to, .. } => (*transfer, self.rename(from, to)),
            Request::Pause { transfer, .. } => (*transfer, Ok(Vec::new())),
            Request::ContextMemory { transfer, .. } => (
                *transfer,
                Ok(serde_json::to_vec(&protocol::guest::ContextMemory::default()).unwrap_or_default()),
            ),
            _ => return false,
        };
        match answer {
            Ok(bytes) => {
                for piece in bytes.chunks(PIECE_BYTES) {
                    guest.say(&Reply::Chunk { transfer }, piece).await;
                }
                guest.say(&Reply::Done { transfer }, &[]).await;
            }
            Err((errno, message)) => {
                guest.say(&Reply::Failed { transfer, errno, message: message.to_owned() }, &[]).await;
            }
        }
        true
    }

    fn keep(&mut self, transfer: Transfer) -> Result<Vec<u8>, Refusal> {
        let (path, mode, bytes) =
            self.writing.remove(&transfer).ok_or((9, "end a write that never began"))?;
        self.files.insert(path, (mode, bytes));
        Ok(Vec::new())
    }

    fn read(&self, path: &str, offset: u64, length: u64) -> Result<Vec<u8>, Refusal> {
        let bytes = self.get(path).ok_or((2, "read the file: there is none of that name"))?;
        let begin = (offset as usize).min(bytes.len());
        let end = begin.saturating_add(length as usize).min(bytes.len());
        Ok(bytes[begin..end].to_vec())
    }

    fn list(&self, path: &str) -> Result<Vec<u8>, Refusal> {
        let below = format!("{}/", absolute(path));
        let files =
            self.files.iter().map(|(path, (mode, bytes))| (path, EntryKind::File, *mode, bytes.len()));
        let dirs = self.dirs.iter().map(|path| (path, EntryKind::Directory, 0o755, 0));
        let entries: Vec<Entry> = files
            .chain(dirs)
            .filter_map(|(path, kind, mode, size)| Some(entry(path.strip_prefix(&below)?, kind, mode, size)))
            .collect();
        json(&entries)
    }

    fn stat(&self, path: &str) -> Result<Vec<u8>, Refusal> {
        let full = absolute(path);
        if self.dirs.contains(&full) || full == "/workspace" {
            return json(&entry(path, EntryKind::Directory, 0o755, 0));
        }
        let (mode, bytes) =
            self.files.get(&full).ok_or((2, "look at the file: there is none of that name"))?;
        json(&entry(path, EntryKind::File, *mode, bytes.len()))
    }

    fn remove(&mut self, path: &str) -> Result<Vec<u8>, Refusal> {
        let full = absolute(path);
        let below = format!("{full}/");
        let before = self.files.len() + self.dirs.len();
        self.files.retain(|path, _| *path != full && !path.starts_with(&below));
        self.dirs.retain(|path| *path != full && !path.starts_with(&below));
        match before - self.files.len() - self.dirs.len() {
            0 => Err((2, "remove the file: there is none of that name")),
            _ => Ok(Vec::new()),
        }
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<Vec<u8>, Refusal> {
        let file =
            self.files.remove(&absolute(from)).ok_or((2, "rename the file: there is none of that name"))?;
        self.files.insert(absolute(to), file);
        Ok(Vec::new())
    }
}

fn absolute(path: &str) -> String {
    match path {
        "" | "." => "/workspace".to_owned(),
        path if path.starts_with('/') => path.to_owned(),
        path => format!("/workspace/{path}"),
    }
}

fn entry(path: &str, kind: EntryKind, mode: u32, size: usize) -> Entry {
    Entry {
        path: path.to_owned(),
        kind,
        size: size as u64,
        mode,
        modified_ms: 0,
        target: None,
        uid: 0,
        gid: 0,
    }
}

fn json(value: &impl serde::Serialize) -> Result<Vec<u8>, Refusal> {
    serde_json::to_vec(value).map_err(|_| (22, "write an answer"))
}
