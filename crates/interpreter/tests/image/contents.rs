//! What is in an archive, and what must not be.

use crate::scene::{archive, template};
use interpreter::template::Template;
use std::collections::BTreeMap;
use std::io::{Read, Seek};
use std::path::{Component, Path, PathBuf};
use tar::EntryType;
use tempfile::NamedTempFile;

/// Parts of the host of which nothing is in any image, unless Python itself lies there.
const PRIVATE: [&str; 9] = [
    "root",
    "home",
    "var",
    "etc/shadow",
    "etc/gshadow",
    "etc/ssl/private",
    "etc/ssh",
    "etc/sudoers",
    "usr/local",
];
/// Bytes that an image of `python` must stay below.
const BYTES_MAX: u64 = 300 << 20;

/// One entry as the archive has it.
struct Found {
    kind: EntryType,
    mode: u32,
    size: u64,
    target: Option<PathBuf>,
}

/// All entries, in order and by path.
fn list(file: &NamedTempFile) -> (Vec<PathBuf>, BTreeMap<PathBuf, Found>) {
    let mut archive = tar::Archive::new(file.reopen().unwrap());
    let mut order = Vec::new();
    let mut all = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let entry = entry.unwrap();
        let header = entry.header();
        assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
        let path: PathBuf = entry.path().unwrap().components().collect();
        let found = Found {
            kind: header.entry_type(),
            mode: header.mode().unwrap(),
            size: entry.size(),
            target: entry.link_name().unwrap().map(|target| target.into_owned()),
        };
        order.push(path.clone());
        assert!(all.insert(path, found).is_none(), "{:?} twice", order.last());
    }
    (order, all)
}

fn python(test: &str) -> Option<(Template, NamedTempFile)> {
    let template = template("python", test)?;
    let file = archive(Some(&template));
    Some((template, file))
}

#[test]
fn the_same_template_makes_the_same_bytes() {
    let Some((template, first)) = python("the_same_template_makes_the_same_bytes") else { return };
    let second = archive(Some(&template));
    let (mut first, mut second) = (first.reopen().unwrap(), second.reopen().unwrap());
    assert_eq!(first.seek(std::io::SeekFrom::End(0)).unwrap(), second.metadata().unwrap().len());
    first.rewind().unwrap();
    let mut pieces = [vec![0; 1 << 20], vec![0; 1 << 20]];
    let [left, right] = &mut pieces;
    loop {
        let count = first.read(left).unwrap();
        if count == 0 {
            break;
        }
        second.read_exact(&mut right[..count]).unwrap();
        assert!(left[..count] == right[..count]);
    }
}

#[test]
fn entries_are_sorted_below_the_root_and_harmless() {
    let Some((_, file)) = python("entries_are_sorted_below_the_root_and_harmless") else { return };
    let (order, all) = list(&file);
    assert!(order.is_sorted(), "sorted");
    for (path, found) in &all {
        assert!(path.components().all(|part| matches!(part, Component::Normal(_))), "{path:?}");
        let parent = path.parent().unwrap();
        let is_folder = |path: &Path| all.get(path).is_some_and(|found| found.kind == EntryType::Directory);
        assert!(parent == Path::new("") || is_folder(parent), "{path:?} has no parent");
        let sticky = if path == Path::new("tmp") { 0o1777 } else { 0o777 };
        assert_eq!(found.mode & !sticky, 0, "{path:?} {:o}", found.mode);
        assert!(found.mode & 0o022 == 0 || found.kind == EntryType::Symlink || sticky == 0o1777, "{path:?}");
        let kinds = [EntryType::Regular, EntryType::Directory, EntryType::Symlink];
        assert!(kinds.contains(&found.kind), "{path:?} {:?}", found.kind);
        if let Some(target) = &found.target {
            assert!(leads_inside(path, target, &all), "{path:?} leads to {target:?}");
        }
    }
}

/// Whether a link ends at something in the archive, as far as it is followed from `/`.
fn leads_inside(path: &Path, target: &Path, all: &BTreeMap<PathBuf, Found>) -> bool {
    let mut at = PathBuf::new();
    let mut left: Vec<PathBuf> =
        path.parent().unwrap().join(target).components().rev().map(|part| part.as_os_str().into()).collect();
    for _ in 0..200 {
        let Some(part) = left.pop() else { return true };
        match part.to_str() {
            Some("/") => at = PathBuf::new(),
            Some("..") => {
                if !at.pop() {
                    return false;
                }
            }
            _ => at.push(part),
        }
        if at == Path::new("") {
            continue;
        }
        let Some(found) = all.get(&at) else { return false };
        if let Some(next) = &found.target {
            at.pop();
            left.extend(next.components().rev().map(|part| PathBuf::from(part.as_os_str())));
        }
    }
    false
}

#[test]
fn nothing_private_of_this_host() {
    let Some((template, file)) = python("nothing_private_of_this_host") else { return };
    let (order, all) = list(&file);
    let empty = ["root", "home", "home/user", "var", "var/tmp"];
    for path in &order {
        let of_python = path.starts_with(template.base_prefix.strip_prefix("/").unwrap())
            || template.base_prefix.starts_with(Path::new("/").join(path));
        let is_private = PRIVATE.iter().any(|private| path.starts_with(private));
        let usr = template.base_prefix == Path::new("/usr");
        let allowed = empty.iter().any(|empty| path == Path::new(empty)) || (of_python && !usr);
        assert!(!is_private || allowed, "{path:?}");
    }
    let probe = &all[Path::new(".belljar/walls-probe")];
    assert_eq!((probe.mode, probe.size), (0o644, 7));
    let guest = &all[Path::new(".belljar/guest")];
    assert_eq!((guest.mode, guest.size), (0o755, 0));
    let secret = std::fs::read_to_string("/etc/passwd").unwrap();
    assert_ne!(all[Path::new("etc/passwd")].size, secret.len() as u64, "the host's own users");
}

#[test]
fn of_the_system_only_what_is_needed() {
    let Some((template, file)) = python("of_the_system_only_what_is_needed") else { return };
    let (order, all) = list(&file);
    let bytes = all.values().map(|found| found.size).sum::<u64>();
    eprintln!("{} entries, {} MB", order.len(), bytes >> 20);
    assert!(bytes < BYTES_MAX, "{bytes}");
    let base = template.base_prefix.strip_prefix("/").unwrap();
    let library = base.join(template.packages().strip_prefix(&template.root).unwrap().parent().unwrap());
    let has = |name: &str| {
        all.contains_key(&library.join(name)) || all.contains_key(&base.join("lib64").join(name))
    };
    assert!(has("os.py") && has("lib-dynload"));
    for name in ["site-packages", "dist-packages", "test", "idlelib", "tkinter", "turtledemo", "ensurepip"] {
        assert!(!has(name), "{name}");
    }
    for path in
        ["usr/lib/python3/dist-packages", "usr/include", "usr/share/doc", "usr/bin/perl", "etc/ld.so.cache"]
    {
        assert!(!all.contains_key(Path::new(path)), "{path}");
    }
    assert!(!order.iter().any(|path| path.extension().is_some_and(|end| end == "a")), "a static library");
}
