//! Entries as a tar archive: sorted, owned by root, without set-user-id bits, readable for everybody.

use super::{Entry, ImageError, unreadable};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use tar::{Builder, EntryType, Header};

/// Writes them; directories that nobody named come before what is in them.
pub(super) fn write(entries: &BTreeMap<PathBuf, Entry>, out: impl Write) -> Result<(), ImageError> {
    let mut tar = Builder::new(out);
    for (path, entry) in with_parents(entries) {
        append(&mut tar, &path, &entry)?;
    }
    tar.into_inner().and_then(|mut out| out.flush()).map_err(ImageError::Write)
}

fn with_parents(entries: &BTreeMap<PathBuf, Entry>) -> BTreeMap<PathBuf, Entry> {
    let mut all = entries.clone();
    for path in entries.keys() {
        for parent in path.ancestors().skip(1).filter(|parent| !parent.as_os_str().is_empty()) {
            all.entry(parent.to_owned()).or_insert(Entry::Directory(0o755));
        }
    }
    // What lies below a link lies where the link leads: `file` never makes such a path.
    all.retain(|path, _| {
        let mut parents = path.ancestors().skip(1);
        !parents.any(|parent| matches!(entries.get(parent), Some(Entry::Link(_))))
    });
    all
}

fn append<W: Write>(tar: &mut Builder<W>, path: &Path, entry: &Entry) -> Result<(), ImageError> {
    let mut header = Header::new_gnu();
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(0);
    match entry {
        Entry::Directory(mode) => {
            header.set_mode(*mode);
            header.set_entry_type(EntryType::Directory);
            tar.append_data(&mut header, path, std::io::empty()).map_err(ImageError::Write)
        }
        Entry::Link(target) => {
            header.set_mode(0o777);
            header.set_entry_type(EntryType::Symlink);
            tar.append_link(&mut header, path, target).map_err(ImageError::Write)
        }
        Entry::Text(content, mode) => {
            header.set_mode(*mode);
            header.set_size(content.len() as u64);
            tar.append_data(&mut header, path, content.as_slice()).map_err(ImageError::Write)
        }
        Entry::File(from) => {
            let file = File::open(from).map_err(unreadable(from))?;
            let found = file.metadata().map_err(unreadable(from))?;
            header.set_mode(if found.mode() & 0o100 == 0 { 0o644 } else { 0o755 });
            header.set_mtime(u64::try_from(found.mtime()).unwrap_or(0));
            header.set_size(found.len());
            let mut whole = Whole { file, left: found.len(), path: from };
            tar.append_data(&mut header, path, &mut whole).map_err(ImageError::Write)
        }
    }
}

/// A file of the length that its header says: one that shrinks meanwhile is an error, one that grows is cut.
struct Whole<'a> {
    file: File,
    left: u64,
    path: &'a Path,
}

impl Read for Whole<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.file.read(&mut buffer[..most])?;
        if count == 0 && most > 0 {
            let why = format!("{} became shorter while it was read", self.path.display());
            return Err(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, why));
        }
        self.left -= count as u64;
        Ok(count)
    }
}
