//! Shared libraries that the programs and modules of a root need, found as this host's loader finds them.

use super::{Entry, ImageError, Root, below};
use elf::abi::{DT_NEEDED, DT_RPATH, DT_RUNPATH, PT_INTERP};
use elf::{ElfStream, endian::AnyEndian};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Libraries that are opened by name only.
const BY_NAME: [&str; 4] = ["libnss_files.so.2", "libnss_dns.so.2", "libgcc_s.so.1", "libc.so.6"];
/// Where loaders look by themselves, on one distribution or another.
const USUAL: [&str; 6] = ["/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib", "/usr/local/lib64"];

/// What a loader would find on this host.
pub(super) struct Libraries {
    /// Names and paths of the loader's cache.
    cache: BTreeMap<String, PathBuf>,
}

/// What a program or library says of its needs.
#[derive(Default)]
struct Needs {
    names: Vec<String>,
    folders: Vec<String>,
    loader: Option<PathBuf>,
}

impl Libraries {
    /// Reads the loader's cache.
    pub fn of_this_host() -> Libraries {
        let arch = match std::env::consts::ARCH {
            "x86_64" => "x86-64",
            "aarch64" => "AArch64",
            other => other,
        };
        let printed = ["ldconfig", "/sbin/ldconfig", "/usr/sbin/ldconfig"].iter().find_map(|program| {
            Command::new(program).arg("-p").output().ok().filter(|it| it.status.success())
        });
        let text =
            printed.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        let mut cache = BTreeMap::new();
        for line in text.lines().filter(|line| line.contains(arch)) {
            let Some((name, path)) = line.trim().split_once(" => ") else { continue };
            let name = name.split(' ').next().unwrap_or_default();
            // The loader takes the first.
            cache.entry(name.to_owned()).or_insert_with(|| PathBuf::from(path));
        }
        Libraries { cache }
    }

    /// Adds what all files of the root need, and what that needs, until nothing is missing.
    pub fn collect(&self, root: &mut Root) -> Result<(), ImageError> {
        let files = root.entries.values().filter_map(|entry| match entry {
            Entry::File(path) => Some(path.clone()),
            _ => None,
        });
        let mut todo: Vec<PathBuf> = files.collect();
        let mut home = None;
        for name in BY_NAME {
            if let Some(real) = self.find(name, &[]).and_then(|path| root.file(&path)) {
                home = real.parent().map(Path::to_owned);
                todo.push(real);
            }
        }
        let mut seen = BTreeSet::new();
        while let Some(path) = todo.pop() {
            if !seen.insert(path.clone()) {
                continue;
            }
            let Some(needs) = needs(&path) else { continue };
            todo.extend(needs.loader.and_then(|loader| root.file(&loader)));
            let origin = path.parent().unwrap_or(Path::new("/")).to_owned();
            let folders: Vec<PathBuf> = needs
                .folders
                .iter()
                .map(|folder| {
                    PathBuf::from(
                        folder.replace("$ORIGIN", &origin.to_string_lossy()).replace("${ORIGIN}", ""),
                    )
                })
                .collect();
            for name in needs.names {
                let Some(found) = self.find(&name, &folders) else { continue };
                // Inside the template it is there already, at another place.
                if folders.iter().any(|folder| found.starts_with(folder)) && !found.starts_with("/usr") {
                    continue;
                }
                let Some(real) = root.file(&found) else { continue };
                root.reachable(&name, &found, home.as_deref());
                todo.push(real);
            }
        }
        let gconv = home.map(|home| home.join("gconv"));
        gconv.map_or(Ok(()), |gconv| root.tree_in_place(&gconv, &|_| true))
    }

    fn find(&self, name: &str, folders: &[PathBuf]) -> Option<PathBuf> {
        if name.contains('/') {
            return Some(PathBuf::from(name)).filter(|path| path.exists());
        }
        let near = folders.iter().map(|folder| folder.join(name)).find(|path| path.exists());
        let cached = || self.cache.get(name).filter(|path| path.exists()).cloned();
        let usual = || USUAL.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.exists());
        near.or_else(cached).or_else(usual)
    }
}

impl Root {
    /// A loader without a cache looks beside the C library: what lies elsewhere gets a link there.
    fn reachable(&mut self, name: &str, found: &Path, home: Option<&Path>) {
        let Some(home) = home else { return };
        let folder = found.parent().and_then(|folder| std::fs::canonicalize(folder).ok());
        if folder.as_deref() != Some(home) {
            self.entries.entry(below(&home.join(name))).or_insert_with(|| Entry::Link(found.to_owned()));
        }
    }
}

/// `None` for what is no program or library.
fn needs(path: &Path) -> Option<Needs> {
    let mut magic = [0; 4];
    let mut file = File::open(path).ok()?;
    file.read_exact(&mut magic).ok().filter(|()| magic == *b"\x7fELF")?;
    let mut elf = ElfStream::<AnyEndian, _>::open_stream(File::open(path).ok()?).ok()?;
    let mut needs = Needs::default();
    let interpreter = elf.segments().iter().find(|segment| segment.p_type == PT_INTERP).copied();
    if let Some(segment) = interpreter {
        needs.loader = text_at(path, segment.p_offset, segment.p_filesz).map(PathBuf::from);
    }
    let entries: Vec<(i64, u64)> =
        elf.dynamic().ok()??.iter().map(|entry| (entry.d_tag, entry.d_val())).collect();
    let (_, strings) = elf.dynamic_symbol_table().ok()??;
    for (tag, value) in entries {
        let text = || strings.get(usize::try_from(value).ok()?).ok().map(str::to_owned);
        match tag {
            DT_NEEDED => needs.names.extend(text()),
            DT_RPATH | DT_RUNPATH => {
                needs.folders.extend(text().unwrap_or_default().split(':').map(str::to_owned));
            }
            _ => {}
        }
    }
    Some(needs)
}

fn text_at(path: &Path, offset: u64, length: u64) -> Option<String> {
    let mut bytes = vec![0; usize::try_from(length).ok().filter(|length| *length < 4096)?];
    std::os::unix::fs::FileExt::read_exact_at(&File::open(path).ok()?, &mut bytes, offset).ok()?;
    Some(String::from_utf8(bytes).ok()?.trim_end_matches('\0').to_owned())
}
