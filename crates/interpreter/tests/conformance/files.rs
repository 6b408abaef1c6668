//! Files that go in, come out and change.

use crate::bench::Bench;
use interpreter::Error;
use protocol::{Change, Limits, Status, guest::EntryKind};

pub async fn in_and_out(bench: Bench) {
    let context = bench.python(Limits::default()).await;
    let files = context.sandbox().files();
    for size in [0usize, 1, 100_000, 8 << 20, 20_000_001] {
        let bytes: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
        files.write("deep/er/data.bin", bytes.as_slice(), 0o600).await.unwrap();
        let code = "import os, hashlib\nprint(os.path.getsize('deep/er/data.bin'))";
        assert_eq!(bench.print(&context, code).await, format!("{size}\n"));
        let mut back = Vec::new();
        files.read("deep/er/data.bin", &mut back).await.unwrap();
        assert!(back == bytes, "{size} bytes");
    }
    assert_eq!(files.stat("deep").await.unwrap().kind, EntryKind::Directory);
    files.rename("deep/er/data.bin", "flat.bin").await.unwrap();
    let listed = files.list("/workspace", 3).await.unwrap();
    let mut paths: Vec<&str> = listed.iter().map(|entry| entry.path.as_str()).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["deep", "deep/er", "flat.bin"]);
    files.remove("deep").await.unwrap();
    for (error, errno) in [
        (files.stat("deep").await.unwrap_err(), 2),
        (files.write("/usr/x", &b"x"[..], 0o644).await.unwrap_err(), 30),
    ] {
        let Error::File(file) = &error else { panic!("{error:?}") };
        assert_eq!(file.errno(), Some(errno), "{error}");
    }
}

pub async fn changes_are_listed(bench: Bench) {
    let context = bench.python(Limits::default()).await;
    context.sandbox().files().write("old.csv", &b"a,b\n"[..], 0o644).await.unwrap();
    let code = "open('new.txt', 'w').write('hello')\nopen('old.csv', 'a').write('1,2\\n'); None";
    let outcome = bench.run(&context, code).await;
    let mut files = outcome.files;
    files.sort_by(|one, other| one.path.cmp(&other.path));
    let seen: Vec<_> = files.iter().map(|file| (file.path.as_str(), file.size, file.change)).collect();
    assert_eq!(seen, [("new.txt", 5, Change::Created), ("old.csv", 8, Change::Modified)]);
    let sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    assert_eq!((files[0].mime.as_str(), files[0].sha256.as_deref()), ("text/plain", Some(sha256)));
    assert!(bench.run(&context, "open('new.txt').read()").await.files.is_empty());
}

pub async fn strange_names(bench: Bench) {
    let context = bench.python(Limits::default()).await;
    let code = "import os\nfor name in [b'new\\nline', b'\\xff', 'größe 図'.encode(), b'-rf', b'\\x1b[2J']:\n    \
        open(name, 'w').write('x')\nos.symlink('/etc/passwd', 'link')\nos.mkfifo('pipe')";
    let outcome = bench.run(&context, code).await;
    assert_eq!(outcome.status, Status::Ok, "{outcome:?}");
    let files = context.sandbox().files();
    for name in [&b"new\nline"[..], b"\xff", "größe 図".as_bytes(), b"-rf", b"\x1b[2J"] {
        let path = protocol::path::from_bytes(name);
        assert!(outcome.files.iter().any(|file| file.path == path), "{path:?}");
        let mut back = Vec::new();
        files.read(&path, &mut back).await.unwrap();
        assert_eq!(back, b"x", "{path:?}");
    }
    assert!(files.read("pipe", tokio::io::sink()).await.is_err(), "a pipe is not read");
}
