//! What goes in with `--file` and comes out with `--out`.

use crate::program::{Seen, call, can_run};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

fn run(code: &str, more: &[&OsStr]) -> Seen {
    let mut args: Vec<OsString> = ["run", "-c", code].map(OsString::from).to_vec();
    args.extend(more.iter().map(|&arg| arg.to_owned()));
    call(args)
}

fn out(dir: &Path) -> [OsString; 2] {
    ["--out".into(), dir.join("out").into()]
}

#[test]
fn directories_with_odd_names_go_in_and_come_out() {
    if !can_run() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let top = dir.path().join("top");
    std::fs::create_dir_all(top.join("sub")).unwrap();
    std::fs::write(top.join("sub/new\nline"), "one").unwrap();
    std::fs::write(top.join(OsStr::from_bytes(b"\xff.bin")), b"\0\x01").unwrap();
    symlink("sub", top.join("link")).unwrap();
    let code = "import os\nfor at, dirs, names in os.walk(b'top'):\n    dirs.sort()\n    for n in sorted(names): print(os.path.join(at, n))\n\
                os.makedirs(b'made/deep'); open(b'made/deep/\\xfe', 'wb').write(b'x')\nopen('plain.txt', 'w').write('y')\nNone";
    let [flag, target] = out(dir.path());
    let seen = run(code, &["--file".as_ref(), top.as_os_str(), &flag, &target]);
    assert_eq!(seen.exit, Some(0), "{seen:?}");
    let listed = "b'top/\\xff.bin'\nb'top/link/new\\nline'\nb'top/sub/new\\nline'\n";
    assert_eq!(seen.stdout, listed);
    let target = Path::new(&target);
    assert_eq!(std::fs::read_to_string(target.join("plain.txt")).unwrap(), "y");
    assert_eq!(std::fs::read(target.join(OsStr::from_bytes(b"made/deep/\xfe"))).unwrap(), b"x");
    assert!(!target.join("top").exists(), "unchanged files do not come back");
}

#[test]
fn planted_links_are_not_followed() {
    if !can_run() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let [flag, target] = out(dir.path());
    let (victim, inside) = (dir.path().join("victim"), Path::new(&target));
    std::fs::create_dir(inside).unwrap();
    std::fs::create_dir(dir.path().join("elsewhere")).unwrap();
    std::fs::write(&victim, "old").unwrap();
    symlink(&victim, inside.join("a.txt")).unwrap();
    symlink(dir.path().join("elsewhere"), inside.join("sub")).unwrap();
    let code = "import os\nos.mkdir('sub'); open('sub/b.txt', 'w').write('new')\nopen('a.txt', 'w').write('new')\nNone";
    let seen = run(code, &[&flag, &target]);
    assert_eq!(seen.exit, Some(125), "{seen:?}");
    assert!(seen.stderr.contains("cannot write sub/b.txt below --out: there is a symlink"), "{seen:?}");
    assert_eq!(std::fs::read_to_string(&victim).unwrap(), "old");
    assert_eq!(std::fs::read_to_string(inside.join("a.txt")).unwrap(), "new");
    assert!(!dir.path().join("elsewhere/b.txt").exists());
}

#[test]
fn pictures_are_named_and_written() {
    if !can_run() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let [flag, target] = out(dir.path());
    let code = "import base64, struct, zlib\nfrom IPython.display import Image, display\n\
        def png(w, h):\n    def part(kind, data): return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))\n\
        \n    rows = b''.join(b'\\0' + b'\\x80' * w for _ in range(h))\n\
        \n    return b'\\x89PNG\\r\\n\\x1a\\n' + part(b'IHDR', struct.pack('>IIBBBBB', w, h, 8, 0, 0, 0, 0)) + part(b'IDAT', zlib.compress(rows)) + part(b'IEND', b'')\n\
        open('figure-1.png', 'wb').write(b'mine')\ndisplay(Image(png(6, 4)))\nImage(png(3, 2))";
    let seen = run(code, &[&flag, &target]);
    assert_eq!(seen.exit, Some(0), "{seen:?}");
    let lines: Vec<&str> = seen.stdout.lines().collect();
    assert!(lines[0].starts_with("[image/png 6×4, ") && lines[0].ends_with("out/figure-2.png]"), "{seen:?}");
    assert!(lines[1].starts_with("[image/png 3×2, ") && lines[1].ends_with("out/figure-3.png]"), "{seen:?}");
    let target = Path::new(&target);
    assert_eq!(std::fs::read(target.join("figure-1.png")).unwrap(), b"mine");
    assert!(std::fs::read(target.join("figure-3.png")).unwrap().starts_with(b"\x89PNG"));
}

#[test]
fn what_is_too_large_for_the_workspace_is_told_before_anything_runs() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("big");
    std::fs::File::create(&file).unwrap().set_len(300 << 20).unwrap();
    let seen = run("print(1)", &["--file".as_ref(), file.as_os_str()]);
    assert_eq!((seen.exit, seen.stdout.as_str()), (Some(2), ""), "{seen:?}");
    assert!(seen.stderr.contains("cannot upload 315 MB") && seen.stderr.contains("--disk"), "{seen:?}");
}
