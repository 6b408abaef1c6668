//! File operations, on ordinary files and on traps.

use crate::host::*;
use protocol::guest::*;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

const ACCESS: i32 = 13;
const INVALID: i32 = 22;
const XDEV: i32 = 18;

fn remove(host: &mut Host, path: &str) -> Result<Vec<Vec<u8>>, i32> {
    host.operate(Request::Remove { transfer: 3, path: path.to_owned() })
}

fn list(host: &mut Host, path: &str, depth: u32, entries: u32) -> Result<Vec<Entry>, i32> {
    let chunks = host.operate(Request::List { transfer: 4, path: path.to_owned(), depth, entries })?;
    let mut all: Vec<Entry> =
        chunks.iter().flat_map(|chunk| serde_json::from_slice::<Vec<Entry>>(chunk).unwrap()).collect();
    all.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(all)
}

#[test]
fn what_is_written_can_be_read() {
    let mut host = Host::start();
    let bytes: Vec<u8> = (0..300_000u32).flat_map(u32::to_le_bytes).collect();
    host.write("a/b/c.bin", &bytes).unwrap();
    assert_eq!(host.read("a/b/c.bin", 0, u64::MAX).unwrap(), bytes);
    assert_eq!(host.read("a/b/c.bin", 10, 5).unwrap(), bytes[10..15]);
    assert_eq!(host.read("a/b/c.bin", 1 << 40, 5).unwrap(), b"");
    let mode = std::fs::metadata(host.workspace("a/b/c.bin")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    host.write("a/b/c.bin", b"").unwrap();
    assert_eq!(host.read("a/b/c.bin", 0, 9).unwrap(), b"");
    let odd = protocol::path::from_bytes(b"new\nline \xff \xc3\xa4");
    host.write(&odd, b"odd").unwrap();
    assert_eq!(host.read(&odd, 0, 9).unwrap(), b"odd");
    let absolute = host.dir.join("workspace/a/b/c.bin").to_str().unwrap().to_owned();
    assert_eq!(host.read(&absolute, 0, 9).unwrap(), b"");
    // Given up: no trace.
    host.send(&Request::WriteBegin { transfer: 1, path: "never".into(), mode: 0o600 }, b"");
    host.send(&Request::WriteChunk { transfer: 1 }, b"x");
    host.operate(Request::WriteEnd { transfer: 1, keep: false }).unwrap();
    assert_eq!(list(&mut host, ".", 1, 100).unwrap().len(), 2);
}

#[test]
fn traps_are_named_and_harm_nothing() {
    let mut host = Host::start();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        host.workspace("fifo"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from(0o644),
        0,
    )
    .unwrap();
    symlink("/etc/passwd", host.workspace("out")).unwrap();
    symlink("/etc", host.workspace("outdir")).unwrap();
    symlink("loop", host.workspace("loop")).unwrap();
    symlink("/proc/self", host.dir.join("magic")).unwrap();
    let magic = format!("{}/magic/environ", host.dir.to_str().unwrap());
    assert_eq!(host.read("fifo", 0, 9), Err(INVALID));
    assert_eq!(host.read("out", 0, 9), Err(XDEV));
    assert_eq!(host.read("outdir/passwd", 0, 9), Err(XDEV));
    assert_eq!(host.write("outdir/x", b"x"), Err(XDEV));
    assert_eq!(host.read("loop", 0, 9), Err(40));
    assert_eq!(host.read("/proc/self/environ", 0, 9), Err(ACCESS));
    assert_eq!(host.read(&magic, 0, 9), Err(ACCESS));
    assert_eq!(host.read("/dev/zero", 0, 9), Err(INVALID));
    for bad in ["../x", "a/../../x", "", "a\0b", "/../x"] {
        assert_eq!(host.write(bad, b"x"), Err(INVALID), "{bad:?}");
    }
    assert_eq!(host.write(&"x".repeat(300), b"x"), Err(36));
    assert_eq!(host.write(&"x/".repeat(3000), b"x"), Err(36));
    std::fs::create_dir(host.workspace("dir")).unwrap();
    assert_eq!(host.write("dir", b"x"), Err(21));
    assert_eq!(host.read("dir", 0, 1), Err(21));
    assert_eq!(host.write("fifo/x", b"x"), Err(20));
    assert_eq!(remove(&mut host, "/workspace-that-is-not"), Err(2));
    assert_eq!(remove(&mut host, "."), Err(16));
    // A link is replaced, not written through.
    host.write("out", b"mine").unwrap();
    assert_eq!(host.read("out", 0, 9).unwrap(), b"mine");
    assert!(
        std::fs::read_dir(host.workspace(""))
            .unwrap()
            .all(|entry| { !entry.unwrap().file_name().to_str().unwrap().starts_with(".belljar") })
    );
}

#[test]
fn listing_and_looking() {
    let mut host = Host::start();
    host.write("a/b/c.txt", b"abc").unwrap();
    symlink("a/b", host.workspace("link")).unwrap();
    let paths = |entries: Vec<Entry>| entries.into_iter().map(|entry| entry.path).collect::<Vec<_>>();
    assert_eq!(paths(list(&mut host, ".", 1, 100).unwrap()), ["a", "link"]);
    let all = list(&mut host, "/", 1, 5).unwrap();
    assert_eq!(all.len(), 5);
    let all = list(&mut host, ".", 9, 100).unwrap();
    assert_eq!(all[2].kind, EntryKind::File);
    assert_eq!((all[3].kind, all[3].target.as_deref()), (EntryKind::Symlink, Some("a/b")));
    assert_eq!(paths(all), ["a", "a/b", "a/b/c.txt", "link"]);
    assert_eq!(list(&mut host, "a/b/c.txt", 1, 9).unwrap_err(), 20);
    let stat = |host: &mut Host, path: &str| {
        let chunks = host.operate(Request::Stat { transfer: 5, path: path.to_owned() })?;
        Ok::<Entry, i32>(serde_json::from_slice(&chunks[0]).unwrap())
    };
    let entry = stat(&mut host, "a/b/c.txt").unwrap();
    assert_eq!((entry.kind, entry.size, entry.mode), (EntryKind::File, 3, 0o640));
    assert_eq!(stat(&mut host, "link").unwrap().kind, EntryKind::Symlink);
    assert_eq!(stat(&mut host, ".").unwrap().kind, EntryKind::Directory);
    assert_eq!(stat(&mut host, "nothing"), Err(2));
    let make = |path: &str| Request::MakeDir { transfer: 6, path: path.to_owned() };
    host.operate(make("x/y/z")).unwrap();
    host.operate(make("x/y/z")).unwrap();
    assert_eq!(host.operate(make("a/b/c.txt")), Err(20));
    let rename =
        Request::Rename { transfer: 7, from: "a/b/c.txt".into(), to: "x/y/z/d.txt".into(), parents: false };
    host.operate(rename).unwrap();
    assert_eq!(host.read("x/y/z/d.txt", 0, 9).unwrap(), b"abc");
    remove(&mut host, "link").unwrap();
    remove(&mut host, "x").unwrap();
    assert_eq!(paths(list(&mut host, ".", 9, 100).unwrap()), ["a", "a/b"]);
}

#[test]
fn deep_and_locked_trees_are_removed() {
    let mut host = Host::start();
    let deep = "import os\n\
        os.mkdir('deep'); os.symlink('/etc', 'deep/etc'); os.chdir('deep')\n\
        for n in range(400):\n  os.mkdir('d' * 20); open('f', 'w').close(); os.chdir('d' * 20)\n\
        os.chdir('/')";
    let context = host.python();
    assert_eq!(host.run(&context, deep).end, ok());
    // A deep tree does not hide: the list says that it is not whole.
    let ran = host.run(&context, "pass");
    assert!(ran.files_dropped > 0);
    let locked = host.workspace("deep/dddddddddddddddddddd/locked");
    std::fs::create_dir_all(locked.join("inner")).unwrap();
    std::fs::write(locked.join("inner/file"), "x").unwrap();
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o000)).unwrap();
    assert!(list(&mut host, ".", u32::MAX, 1000).unwrap().len() > 90);
    remove(&mut host, "deep").unwrap();
    assert!(!host.workspace("deep").exists() && Path::new("/etc/passwd").exists());
}

#[test]
fn a_full_or_forbidden_place_is_an_error_at_the_end() {
    let mut host = Host::start();
    assert_eq!(host.write("/proc/x", b"x"), Err(ACCESS));
    assert!(host.write("/dev/full/x", b"x").is_err());
    // Operations go on beside each other.
    host.write("one", &[1; 500_000]).unwrap();
    host.send(&Request::Read { transfer: 10, path: "one".into(), offset: 0, length: u64::MAX }, b"");
    host.send(&Request::Read { transfer: 11, path: "one".into(), offset: 0, length: 100 }, b"");
    let mut bytes = std::collections::BTreeMap::from([(10, 0), (11, 0)]);
    let mut open = 2;
    while open > 0 {
        match host.next() {
            (Reply::Chunk { transfer }, payload) => *bytes.get_mut(&transfer).unwrap() += payload.len(),
            (Reply::Done { .. }, _) => open -= 1,
            (other, _) => panic!("{other:?}"),
        }
    }
    assert_eq!(bytes, std::collections::BTreeMap::from([(10, 500_000), (11, 100)]));
}
