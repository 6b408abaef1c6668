//! What a path names, as the SDKs read it.

use super::files::ATTRIBUTES;
use crate::e2b::place::Place;
use chrono::{DateTime, SecondsFormat};
use protocol::guest::{Entry, EntryKind};
use serde::Serialize;
use std::collections::BTreeMap;

/// What a path names.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Shown {
    name: String,
    #[serde(rename = "type")]
    kind: &'static str,
    path: String,
    size: String,
    mode: u32,
    permissions: String,
    owner: String,
    group: String,
    modified_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    symlink_target: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<String, String>,
}

impl Shown {
    /// Of an entry at this absolute path. A link is told as what it leads to.
    pub async fn of(place: &Place, path: String, entry: Entry) -> Shown {
        let files = place.kept.sandbox().files();
        let target = match entry.kind {
            EntryKind::Symlink => files.resolve(&path).await.ok(),
            _ => None,
        };
        let mut metadata = BTreeMap::new();
        if place.room.may_have_metadata() && entry.kind == EntryKind::File {
            let found = files.attributes(&path, ATTRIBUTES).await.unwrap_or_default();
            metadata.extend(found.into_iter().map(|(name, value)| (name.replace(ATTRIBUTES, ""), value)));
        }
        told(path, &entry, target.as_ref(), metadata)
    }
}

fn told(path: String, entry: &Entry, target: Option<&Entry>, metadata: BTreeMap<String, String>) -> Shown {
    let shown = target.unwrap_or(entry);
    let modified = DateTime::from_timestamp_millis(entry.modified_ms).unwrap_or_default();
    Shown {
        name: path.rsplit('/').next().unwrap_or_default().to_owned(),
        kind: match shown.kind {
            EntryKind::File => "FILE_TYPE_FILE",
            EntryKind::Directory => "FILE_TYPE_DIRECTORY",
            EntryKind::Symlink | EntryKind::Other => "FILE_TYPE_UNSPECIFIED",
        },
        path,
        size: entry.size.to_string(),
        mode: shown.mode & 0o777,
        permissions: permissions(entry),
        owner: owner(entry.uid),
        group: owner(entry.gid),
        modified_time: modified.to_rfc3339_opts(SecondsFormat::Millis, true),
        symlink_target: target.map(|target| target.path.clone()),
        metadata,
    }
}

/// As `ls` writes them, with the letters of Go for what is no file.
fn permissions(entry: &Entry) -> String {
    let kind = match entry.kind {
        EntryKind::File => '-',
        EntryKind::Directory => 'd',
        EntryKind::Symlink => 'L',
        EntryKind::Other => '?',
    };
    let bits = (0..9).rev().map(|bit| match entry.mode >> bit & 1 {
        0 => '-',
        _ => ['x', 'w', 'r'][bit % 3],
    });
    std::iter::once(kind).chain(bits).collect()
}

/// Users and groups have the same names.
fn owner(id: u32) -> String {
    match id {
        0 => "root".to_owned(),
        1000 => "user".to_owned(),
        id => id.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(kind: EntryKind, mode: u32) -> Entry {
        Entry { path: "/x".into(), kind, size: 7, mode, modified_ms: 1500, target: None, uid: 1000, gid: 0 }
    }

    #[test]
    fn permissions_are_written_as_go_does() {
        for (kind, mode, text) in [
            (EntryKind::File, 0o644, "-rw-r--r--"),
            (EntryKind::Directory, 0o755, "drwxr-xr-x"),
            (EntryKind::Symlink, 0o777, "Lrwxrwxrwx"),
            (EntryKind::File, 0o4001, "---------x"),
        ] {
            assert_eq!(permissions(&entry(kind, mode)), text);
        }
    }

    #[test]
    fn a_link_is_told_as_what_it_leads_to() {
        let link = entry(EntryKind::Symlink, 0o777);
        let target = Entry { path: "/tmp/file".into(), ..entry(EntryKind::File, 0o600) };
        let leads = told("/home/user/link".into(), &link, Some(&target), BTreeMap::new());
        assert_eq!((leads.kind, leads.mode, leads.name.as_str()), ("FILE_TYPE_FILE", 0o600, "link"));
        assert_eq!(
            (leads.permissions.as_str(), leads.symlink_target.as_deref()),
            ("Lrwxrwxrwx", Some("/tmp/file"))
        );
        let dangles = told("/home/user/link".into(), &link, None, BTreeMap::new());
        assert_eq!((dangles.kind, dangles.symlink_target), ("FILE_TYPE_UNSPECIFIED", None));
        assert_eq!(
            (dangles.owner.as_str(), dangles.group.as_str(), dangles.modified_time.as_str()),
            ("user", "root", "1970-01-01T00:00:01.500Z")
        );
    }
}
