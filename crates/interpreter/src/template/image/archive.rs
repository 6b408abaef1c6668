//! Entries as a tar archive: sorted, owned by root, without set-user-id bits, readable for everybody.

use super::root::Entry;
use super::{ImageError, unreadable};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use tar::{Builder, EntryType, Header};

type Entries = BTreeMap<PathBuf, Entry>;

/// Links that are followed from one, at most.
const LINKS_MAX: u32 = 40;

/// Writes them; directories that nobody named come before what is in them. Links that lead to nothing are left out: they
/// only tell where something is on this host.
pub(super) fn write(entries: &Entries, out: impl Write) -> Result<(), ImageError> {
    let mut tar = Builder::new(out);
    let all = with_parents(entries);
    for (path, entry) in &all {
        if !matches!(entry, Entry::Link(_)) || leads_somewhere(&all, path) {
            append(&mut tar, path, entry)?;
        }
    }
    tar.into_inner().and_then(|mut out| out.flush()).map_err(ImageError::Write)
}

fn with_parents(entries: &Entries) -> Entries {
    let mut all = entries.clone();
    for path in entries.keys() {
        for parent in path.ancestors().skip(1).filter(|parent| !parent.as_os_str().is_empty()) {
            all.entry(parent.to_owned()).or_insert(Entry::Directory(0o755));
        }
    }
    // What was collected by way of a link to a folder is there at its own place, too.
    all.retain(|path, _| {
        let mut parents = path.ancestors().skip(1);
        !parents.any(|parent| matches!(entries.get(parent), Some(Entry::Link(_))))
    });
    all
}

/// Whether a path leads to something else than a link, seen from inside.
fn leads_somewhere(all: &Entries, path: &Path) -> bool {
    let parts = |path: &Path| -> Vec<OsString> {
        path.components().rev().map(|part| part.as_os_str().to_owned()).collect()
    };
    let (mut at, mut left, mut links) = (PathBuf::new(), parts(path), 0);
    while let Some(part) = left.pop() {
        match Path::new(&part).components().next() {
            Some(Component::RootDir) => at = PathBuf::new(),
            Some(Component::ParentDir) => drop(at.pop()),
            Some(Component::Normal(name)) => at.push(name),
            _ => continue,
        }
        match all.get(&at) {
            Some(Entry::Link(_)) if links == LINKS_MAX => return false,
            Some(Entry::Link(target)) => {
                left.extend(parts(target));
                at.pop();
                links += 1;
            }
            None if !at.as_os_str().is_empty() => return false,
            _ => {}
        }
    }
    true
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
            tar.append_data(&mut header, path, io::empty()).map_err(ImageError::Write)
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
        Entry::File(from) => append_file(tar, header, path, from),
    }
}

fn append_file<W: Write>(
    tar: &mut Builder<W>,
    mut header: Header,
    path: &Path,
    from: &Path,
) -> Result<(), ImageError> {
    let file = File::open(from).map_err(unreadable(from))?;
    let found = file.metadata().map_err(unreadable(from))?;
    header.set_mode(if found.mode() & 0o100 == 0 { 0o644 } else { 0o755 });
    header.set_mtime(u64::try_from(found.mtime()).unwrap_or(0));
    header.set_size(found.len());
    let mut whole = Whole { file, left: found.len(), failure: None };
    let written = tar.append_data(&mut header, path, &mut whole);
    match whole.failure {
        Some(failure) => Err(unreadable(from)(failure)),
        None => written.map_err(ImageError::Write),
    }
}

/// A file of the length that its header says: one that shrinks meanwhile is an error, one that grows is cut.
struct Whole {
    file: File,
    left: u64,
    /// Why it could not be read, told apart from an archive that could not be written.
    failure: Option<io::Error>,
}

impl Read for Whole {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = match self.file.read(&mut buffer[..most]) {
            Ok(0) if most > 0 => {
                Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it became shorter while it was read"))
            }
            read => read,
        };
        match read {
            Ok(count) => {
                self.left -= count as u64;
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                let kind = error.kind();
                self.failure = Some(error);
                Err(kind.into())
            }
        }
    }
}
