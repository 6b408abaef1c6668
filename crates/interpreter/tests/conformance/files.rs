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
    // Kernels differ in what they look at first: that nothing can be written there, or that this user may not.
    for (error, expected) in [
        (files.stat("deep").await.unwrap_err(), [2, 2]),
        (files.write("/usr/x", &b"x"[..], 0o644).await.unwrap_err(), [30, 13]),
    ] {
        let Error::File(file) = &error else { panic!("{error:?}") };
        assert!(file.errno().is_some_and(|errno| expected.contains(&errno)), "{error}");
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

pub async fn refusals(bench: Bench) {
    let context = bench.python(Limits::default()).await;
    let files = context.sandbox().files();
    bench
        .print(&context, "import os\nos.mkdir('closed', 0)\nos.mkdir('full')\nopen('full/f', 'w').close()")
        .await;
    for (error, errno) in [
        (files.read("none", tokio::io::sink()).await.unwrap_err(), 2),
        (files.read("full", tokio::io::sink()).await.unwrap_err(), 21),
        (files.read("full/f/g", tokio::io::sink()).await.unwrap_err(), 20),
        (files.write("full", &b"x"[..], 0o644).await.unwrap_err(), 21),
        (files.write(&"n".repeat(300), &b"x"[..], 0o644).await.unwrap_err(), 36),
        (files.rename("none", "some").await.unwrap_err(), 2),
        (files.remove("none").await.unwrap_err(), 2),
        (files.list("none", 1).await.unwrap_err(), 2),
        (files.list("full/f", 1).await.unwrap_err(), 20),
        (files.make_dir("/etc/new").await.unwrap_err(), 30),
    ] {
        let Error::File(file) = &error else { panic!("{error:?}") };
        assert_eq!(file.errno(), Some(errno), "{error}");
        assert!(!error.to_string().contains("os error"), "{error}");
    }
    for path in ["", "a\0b"] {
        assert!(files.read(path, tokio::io::sink()).await.is_err(), "{path:?}");
        assert!(files.write(path, &b"x"[..], 0o644).await.is_err(), "{path:?}");
        assert!(files.stat(path).await.is_err(), "{path:?}");
    }
}

pub async fn directories(bench: Bench) {
    let context = bench.python(Limits::default()).await;
    let files = context.sandbox().files();
    files.make_dir("a/b/c").await.unwrap();
    files.make_dir("a/b/c").await.expect("it is there already");
    let code = "import os\nfor n in range(300):\n    os.makedirs(f'a/b/{n}/x')\n    open(f'a/b/{n}/x/f', 'w').write('1')\n\
        os.symlink('/usr', 'a/link')\nos.chmod('a/b/7/x', 0)\nos.chmod('a/b/8', 0o500)";
    assert_eq!(bench.run(&context, code).await.status, Status::Ok);
    assert_eq!(files.list("a", 1).await.unwrap().len(), 2);
    assert!(files.list("a", 9).await.unwrap().len() > 800);
    let link = files.stat("a/link").await.unwrap();
    assert_eq!(link.kind, EntryKind::Symlink, "a link is told as such");
    files.rename("a", "moved").await.unwrap();
    files.remove("moved").await.unwrap();
    assert_eq!(files.list("/workspace", 1).await.unwrap(), vec![], "all of it is gone");
    assert!(files.stat("/usr/bin").await.is_ok(), "and what a link led to is not");
    let deep = "for n in range(2000):\n    os.mkdir('d')\n    os.chdir('d')\nos.chdir('/workspace')";
    assert_eq!(bench.run(&context, deep).await.status, Status::Ok);
    files.list("/workspace", 5000).await.unwrap();
    files.remove("d").await.unwrap();
    assert_eq!(files.list("/workspace", 1).await.unwrap(), vec![]);
}
