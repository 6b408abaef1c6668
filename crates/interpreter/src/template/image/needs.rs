//! What a program or library says of its needs, read as a loader does: from its segments, never from its sections.
//!
//! Where the libraries are found is left to `libraries`. Files may come from packages: nothing in them is trusted.

use elf::abi::{DT_NEEDED, DT_RPATH, DT_RUNPATH, DT_STRTAB, EI_NIDENT, PT_DYNAMIC, PT_INTERP, PT_LOAD};
use elf::dynamic::DynamicTable;
use elf::endian::AnyEndian;
use elf::file::{Class, ELF32_EHDR_TAILSIZE, ELF64_EHDR_TAILSIZE, FileHeader, parse_ident};
use elf::segment::{ProgramHeader, SegmentTable};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Bytes of a table in such a file that are read.
const TABLE_BYTES_MAX: u64 = 1 << 20;
/// Bytes of a name in such a file; no path that the kernel takes is longer.
const NAME_BYTES_MAX: u64 = 4096;

/// For which processors a file is made: class and machine. A loader passes over those that are not like its program.
pub(super) type Kind = (Class, u16);

/// What a program or library says.
#[derive(Debug, PartialEq)]
pub(super) struct Needs {
    /// Who can load it.
    pub kind: Kind,
    /// Libraries, by name.
    pub names: Vec<String>,
    /// Where to look first, for those that the libraries need as well. Without effect beside `runpath`.
    pub rpath: Vec<String>,
    /// Where to look first.
    pub runpath: Vec<String>,
    /// The loader that a program asks the kernel for.
    pub loader: Option<PathBuf>,
}

/// `None` for what is no program or library, or a broken one.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn read(path: &Path) -> io::Result<Option<Needs>> {
    let binary = Binary { file: File::open(path)? };
    let mut start = [0; EI_NIDENT + ELF64_EHDR_TAILSIZE];
    let mut filled = 0;
    while filled < start.len() {
        match binary.file.read_at(&mut start[filled..], filled as u64)? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(binary.needs(&start[..filled]))
}

struct Binary {
    file: File,
}

impl Binary {
    fn needs(&self, start: &[u8]) -> Option<Needs> {
        let ident = parse_ident::<AnyEndian>(start.get(..EI_NIDENT)?).ok()?;
        let tail = if ident.1 == Class::ELF32 { ELF32_EHDR_TAILSIZE } else { ELF64_EHDR_TAILSIZE };
        let header = FileHeader::parse_tail(ident, start.get(EI_NIDENT..EI_NIDENT + tail)?).ok()?;
        let (endian, class) = (header.endianness, header.class);
        let table = self.piece(header.e_phoff, u64::from(header.e_phnum) * u64::from(header.e_phentsize))?;
        let segments: Vec<ProgramHeader> = SegmentTable::new(endian, class, &table).iter().collect();
        let segment = |kind: u32| segments.iter().find(|segment| segment.p_type == kind);
        let mut needs = Needs {
            kind: (class, header.e_machine),
            names: Vec::new(),
            rpath: Vec::new(),
            runpath: Vec::new(),
            loader: segment(PT_INTERP).and_then(|at| self.text(at.p_offset)).map(PathBuf::from),
        };
        let Some(at) = segment(PT_DYNAMIC) else { return Some(needs) };
        let table = self.piece(at.p_offset, at.p_filesz)?;
        let entries: Vec<(i64, u64)> = DynamicTable::new(endian, class, &table)
            .iter()
            .map(|entry| (entry.d_tag, entry.d_val()))
            .collect();
        let strings = entries.iter().find(|(tag, _)| *tag == DT_STRTAB);
        let strings = strings.and_then(|(_, address)| offset(&segments, *address))?;
        for (tag, value) in entries {
            let text = || self.text(strings.checked_add(value)?);
            let folders = || text().unwrap_or_default().split(':').map(str::to_owned).collect();
            match tag {
                DT_NEEDED => needs.names.extend(text()),
                DT_RPATH => needs.rpath = folders(),
                DT_RUNPATH => needs.runpath = folders(),
                _ => {}
            }
        }
        Some(needs)
    }

    fn piece(&self, offset: u64, length: u64) -> Option<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(length).ok().filter(|_| length <= TABLE_BYTES_MAX)?];
        self.file.read_exact_at(&mut bytes, offset).ok()?;
        Some(bytes)
    }

    /// A text that ends with a zero.
    fn text(&self, offset: u64) -> Option<String> {
        let left = self.file.metadata().ok()?.len().checked_sub(offset)?;
        let bytes = self.piece(offset, left.min(NAME_BYTES_MAX))?;
        let length = bytes.iter().position(|byte| *byte == 0)?;
        String::from_utf8(bytes[..length].to_vec()).ok()
    }
}

/// Where in the file something is that has this address once it is loaded.
fn offset(segments: &[ProgramHeader], address: u64) -> Option<u64> {
    let loaded = segments.iter().filter(|segment| segment.p_type == PT_LOAD);
    let mut offsets = loaded.filter_map(|segment| {
        let inside = address.checked_sub(segment.p_vaddr).filter(|inside| *inside < segment.p_filesz)?;
        segment.p_offset.checked_add(inside)
    });
    offsets.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_program_needs_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let whole = read(Path::new("/proc/self/exe")).unwrap().unwrap();
        assert!(whole.loader.is_some() && !whole.names.is_empty(), "{whole:?}");
        let path = folder.path().join("file");
        for (content, is_program) in [
            (&b""[..], false),
            (b"#!/bin/sh\n", false),
            (b"\x7fELF", false),
            (&own[..63], false),
            (&own[..64], false), // its table of segments is missing
        ] {
            std::fs::write(&path, content).unwrap();
            assert_eq!(read(&path).unwrap().is_some(), is_program, "{} bytes", content.len());
        }
        assert!(read(&folder.path().join("nothing")).is_err());
    }

    #[test]
    fn numbers_in_a_header_are_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        // Every byte of the header and of the first segments once set to its highest.
        for at in 4..600 {
            let mut bytes = own[..own.len().min(1 << 16)].to_vec();
            bytes[at] = 0xff;
            std::fs::write(&path, &bytes).unwrap();
            let _ = read(&path).unwrap();
        }
    }
}
