//! Files as the guest tells of them, and what becomes of them while somebody watches.

use serde::{Deserialize, Serialize};

/// What kind of thing a directory entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum EntryKind {
    File,
    Directory,
    Symlink,
    Other,
}

/// A directory entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = FileEntry))]
pub struct Entry {
    /// Path below the directory that was listed, in the form of [`crate::path`].
    pub path: String,
    /// What it is.
    pub kind: EntryKind,
    /// Bytes.
    pub size: u64,
    /// Permission bits.
    pub mode: u32,
    /// Last change, in milliseconds since 1970.
    pub modified_ms: i64,
    /// Where a symlink points.
    pub target: Option<String>,
    /// The user that owns it.
    pub uid: u32,
    /// The group that owns it.
    pub gid: u32,
}

/// What happened in a directory that is watched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchEvent {
    /// To what: a path below the directory.
    pub name: String,
    /// What.
    pub kind: WatchKind,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WatchKind {
    /// It was made, or moved here.
    Create,
    /// Its content changed.
    Write,
    /// It was removed.
    Remove,
    /// It was moved away.
    Rename,
    /// Its permissions or attributes changed.
    Chmod,
}
