//! Shared libraries that the programs and modules of a root need, found as this host's loader finds them.
//!
//! What a file says of its needs is `needs`'s. A name or folder in a file of a package leads to nothing but libraries:
//! what is none stays outside, whatever it is called.

use super::needs::{self, Kind, Needs};
use super::root::{Entry, Root, below};
use super::{ImageError, unreadable};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Libraries that are opened by name only, or that packages expect on every system with glibc (PEP 600).
const BY_NAME: [&str; 13] = [
    "libnss_files.so.2",
    "libnss_dns.so.2",
    "libgcc_s.so.1",
    "libstdc++.so.6",
    "libc.so.6",
    "libm.so.6",
    "libdl.so.2",
    "libpthread.so.0",
    "librt.so.1",
    "libutil.so.1",
    "libresolv.so.2",
    "libz.so.1",
    "libexpat.so.1",
];
/// Where loaders look by themselves, on one distribution or another.
const USUAL: [&str; 6] = ["/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib", "/usr/local/lib64"];
/// Folders beside the C library whose modules it and OpenSSL open by name: encodings, old ciphers.
const MODULES: [&str; 2] = ["gconv", "ossl-modules"];

/// What a loader would find on this host.
pub(super) struct Libraries {
    /// Names and paths of the loader's cache, in its order.
    cache: BTreeMap<String, Vec<PathBuf>>,
    /// The template on this host, without links. What is in it comes along at another place.
    template: Option<PathBuf>,
}

/// A library that was found.
#[derive(Debug, PartialEq)]
enum Found {
    /// Where a program says itself: it will be found there again.
    Named(PathBuf),
    /// Where this host's loader looks, which need not be where the one in the image does.
    Known(PathBuf),
}

/// A file whose needs are looked for, and the folders that those who load it name for it.
type Todo = (PathBuf, Vec<PathBuf>);

impl Libraries {
    /// Reads the loader's cache.
    pub fn of_this_host(template: Option<&Path>) -> Libraries {
        let printed = ["ldconfig", "/sbin/ldconfig", "/usr/sbin/ldconfig"].iter().find_map(|program| {
            Command::new(program).arg("-p").output().ok().filter(|it| it.status.success())
        });
        let text = printed.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        // Folders are compared without links.
        let template = template.and_then(|template| std::fs::canonicalize(template).ok());
        Libraries { cache: cache(&text.unwrap_or_default()), template }
    }

    /// Adds what all files of the root need, and what that needs, until nothing is missing.
    ///
    /// # Errors
    /// A file of the root that cannot be read.
    pub fn collect(&self, root: &mut Root) -> Result<(), ImageError> {
        // Of all that runs, this program at least is made for this host.
        let own = Path::new("/proc/self/exe");
        let kind = needs::read(own).map_err(unreadable(own))?.map(|needs| needs.kind);
        let find = |name: &str| kind.and_then(|kind| self.known(name, kind));
        let home = find("libc.so.6").and_then(|path| folder(&path));
        for (name, path) in BY_NAME.iter().filter_map(|name| Some((name, find(name)?))) {
            root.file(&path);
            root.reachable(name, &path, home.as_deref());
        }
        for name in MODULES {
            let modules = home.iter().map(|home| home.join(name));
            modules.into_iter().try_for_each(|folder| root.tree_in_place(&folder, &|_| true))?;
        }
        let mut starts: Vec<PathBuf> = root.files().collect();
        let mut seen = BTreeSet::new();
        while let Some(start) = starts.pop() {
            if seen.insert(start.clone()) {
                starts.extend(self.closure(root, start, home.as_deref())?);
            }
        }
        Ok(())
    }

    /// Adds what one file needs, and what that needs as long as folders are handed on. As in a process, each library
    /// counts once, as it was found first: libraries may need each other. Returns files that are on their own.
    fn closure(
        &self,
        root: &mut Root,
        start: PathBuf,
        home: Option<&Path>,
    ) -> Result<Vec<PathBuf>, ImageError> {
        let mut todo: Vec<Todo> = vec![(start, Vec::new())];
        let (mut loaded, mut alone) = (BTreeSet::new(), Vec::new());
        while let Some(next) = todo.pop() {
            if !loaded.insert(next.0.clone()) {
                continue;
            }
            for (path, above) in self.needed(root, next, home)? {
                match above.is_empty() {
                    true => alone.push(path),
                    false => todo.push((path, above)),
                }
            }
        }
        Ok(alone)
    }

    /// Adds what one file needs; returns the files that were added.
    fn needed(
        &self,
        root: &mut Root,
        (path, above): Todo,
        home: Option<&Path>,
    ) -> Result<Vec<Todo>, ImageError> {
        let Some(needs) = needs::read(&path).map_err(unreadable(&path))? else { return Ok(Vec::new()) };
        let mut added = Vec::new();
        if let Some(loader) = needs.loader.as_deref().filter(|loader| fits(loader, needs.kind)) {
            added.extend(root.file(loader).map(|real| (real, Vec::new())));
        }
        let origin = folder(&path).unwrap_or_default();
        let expanded = |folders: &[String]| folders.iter().filter_map(|text| expand(text, &origin)).collect();
        let mut all: Vec<PathBuf> = expanded(&needs.rpath);
        let more: Vec<PathBuf> = above.into_iter().filter(|folder| !all.contains(folder)).collect();
        all.extend(more);
        let (first, handed_on) = match needs.runpath.is_empty() {
            true => (all.clone(), all),
            false => (expanded(&needs.runpath), Vec::new()),
        };
        for name in &needs.names {
            let Some(found) = self.find(name, &first, &needs) else { continue };
            let (Found::Named(path) | Found::Known(path)) = &found;
            let is_inside =
                |template: &PathBuf| folder(path).is_some_and(|folder| folder.starts_with(template));
            if self.template.as_ref().is_some_and(is_inside) {
                continue;
            }
            if let Found::Known(path) = &found {
                root.reachable(name, path, home);
            }
            added.extend(root.file(path).map(|real| (real, handed_on.clone())));
        }
        Ok(added)
    }

    fn find(&self, name: &str, first: &[PathBuf], needs: &Needs) -> Option<Found> {
        if name.contains('/') {
            let path = PathBuf::from(name);
            return Some(path).filter(|path| path.is_absolute() && fits(path, needs.kind)).map(Found::Named);
        }
        let mut near = first.iter().map(|folder| folder.join(name)).filter(|path| fits(path, needs.kind));
        near.next().map(Found::Named).or_else(|| self.known(name, needs.kind).map(Found::Known))
    }

    fn known(&self, name: &str, kind: Kind) -> Option<PathBuf> {
        let cached = self.cache.get(name).into_iter().flatten().cloned();
        let usual = USUAL.iter().map(|folder| Path::new(folder).join(name));
        cached.chain(usual).find(|path| fits(path, kind))
    }
}

impl Root {
    /// A loader without a cache looks beside the C library: what lies elsewhere gets a link there.
    fn reachable(&mut self, name: &str, found: &Path, home: Option<&Path>) {
        let Some(home) = home else { return };
        if folder(found).as_deref() != Some(home) {
            self.entries.entry(below(&home.join(name))).or_insert_with(|| Entry::Link(found.to_owned()));
        }
    }

    /// What comes of this host's files.
    fn files(&self) -> impl Iterator<Item = PathBuf> {
        self.entries.values().filter_map(|entry| match entry {
            Entry::File(path) => Some(path.clone()),
            _ => None,
        })
    }
}

/// What `ldconfig -p` prints. Libraries for some processors only are left out: an image may run on others.
fn cache(text: &str) -> BTreeMap<String, Vec<PathBuf>> {
    let mut cache: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.contains("hwcap:")) {
        let Some((name, path)) = line.trim().split_once(" => ") else { continue };
        let name = name.split(' ').next().unwrap_or_default();
        cache.entry(name.to_owned()).or_default().push(PathBuf::from(path));
    }
    cache
}

/// A folder where to look, as a file names it. Relative ones depend on where a program is started: they are left out.
fn expand(text: &str, origin: &Path) -> Option<PathBuf> {
    let origin = origin.to_string_lossy();
    let path = PathBuf::from(text.replace("${ORIGIN}", &origin).replace("$ORIGIN", &origin));
    Some(path).filter(|path| path.is_absolute())
}

/// Whether a loader takes it. What cannot be read it does not take either.
fn fits(path: &Path, kind: Kind) -> bool {
    let is_file = std::fs::metadata(path).is_ok_and(|found| found.is_file());
    is_file && needs::read(path).is_ok_and(|needs| needs.is_some_and(|needs| needs.kind == kind))
}

/// The folder of a file, without links.
fn folder(path: &Path) -> Option<PathBuf> {
    std::fs::canonicalize(path.parent()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loaders_cache_as_it_is_printed() {
        let text = "3 libs found in cache `/etc/ld.so.cache'\n\
                    \tlibz.so.1 (libc6,x86-64) => /lib/x86_64-linux-gnu/libz.so.1\n\
                    \tlibz.so.1 (libc6) => /lib/i386-linux-gnu/libz.so.1\n\
                    \tlibx.so (libc6,x86-64, hwcap: \"x86-64-v3\") => /usr/lib64/glibc-hwcaps/x86-64-v3/libx.so\n";
        let found = cache(text);
        let names: Vec<&String> = found.keys().collect();
        assert_eq!(names, ["libz.so.1"]);
        assert_eq!(found["libz.so.1"][1], Path::new("/lib/i386-linux-gnu/libz.so.1"));
    }

    #[test]
    fn folders_that_a_file_names() {
        let origin = Path::new("/opt/p/bin");
        for (text, wanted) in [
            ("$ORIGIN/../lib", Some("/opt/p/bin/../lib")),
            ("${ORIGIN}/../lib", Some("/opt/p/bin/../lib")),
            ("/usr/lib/own", Some("/usr/lib/own")),
            ("lib", None),
            ("", None),
        ] {
            assert_eq!(expand(text, origin).as_deref(), wanted.map(Path::new), "{text}");
        }
    }
}
