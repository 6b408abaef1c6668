//! Files on their way: links that lead out, halves that nobody may see, and size.

use crate::{alone, bench::Bench};
use protocol::{Limits, Status};
use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context as Waker, Poll},
};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

pub async fn links_out_are_not_followed(bench: Bench) {
    let host = tempfile::tempdir().unwrap();
    std::fs::write(host.path().join("secret"), "of the host").unwrap();
    let secret = host.path().join("secret").display().to_string();
    let context = bench.python(Limits::default()).await;
    let code = format!(
        "import os\nos.symlink('{secret}', 'absolute')\nos.symlink('../../../../../..{secret}', 'relative')\n\
        os.symlink('/proc/1/root{secret}', 'by_proc')\nos.symlink('/', 'root')\nos.symlink('loop', 'loop')\n\
        os.symlink('{folder}', 'folder')\nos.symlink('/proc/self/cwd/..', 'up')\nos.symlink('/.belljar/driver', 'driver')",
        folder = host.path().display(),
    );
    assert_eq!(bench.run(&context, &code).await.status, Status::Ok);
    let files = context.sandbox().files();
    let below = &secret[1..];
    let ways = ["absolute", "relative", "by_proc", "loop", "folder/secret"].map(str::to_owned);
    let roots =
        [format!("root/{below}"), format!("../{below}"), format!("root/../../..{secret}"), secret.clone()];
    for path in ways.iter().chain(&roots) {
        let mut read = Vec::new();
        assert!(files.read(path, &mut read).await.is_err(), "{path} was read: {read:?}");
        let _ = files.write(path, &b"written"[..], 0o644).await;
        let _ = files.remove(path).await;
        assert_eq!(std::fs::read(&secret).unwrap(), b"of the host", "{path}");
    }
    for path in ["folder", "root", "up", "driver"] {
        let listed = files.list(path, 3).await.unwrap_or_default();
        assert!(!format!("{listed:?}").contains("secret"), "{path}: {listed:?}");
        let _ = files.remove(path).await;
    }
    let listed = files.list("/workspace", 5).await.unwrap();
    assert!(!listed.iter().any(|entry| entry.path.ends_with("/secret")), "{listed:?}");
    files.remove("/workspace/root").await.ok();
    assert_eq!(bench.fresh("print('the rest still stands')").await.status, Status::Ok);
}

/// Bytes, and then a failure.
struct Breaks(usize);

impl AsyncRead for Breaks {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Waker<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.0 == 0 {
            return Poll::Ready(Err(io::Error::other("the source broke")));
        }
        self.0 -= 1;
        buffer.put_slice(&[b'n'; 1000][..buffer.remaining().min(1000)]);
        Poll::Ready(Ok(()))
    }
}

pub async fn writes_are_whole(bench: Bench) {
    let context = bench.python(Limits::default()).await;
    let files = context.sandbox().files();
    files.write("f", &b"old"[..], 0o640).await.unwrap();
    let broken = files.write("f", Breaks(500), 0o644).await.unwrap_err();
    assert!(broken.to_string().contains("the source broke"), "{broken}");
    let seen = bench
        .print(&context, "import os\nprint(open('f').read(), os.listdir('.'), oct(os.stat('f').st_mode))");
    assert_eq!(seen.await, "old ['f'] 0o100640\n", "the old file, and nothing beside it");

    let watch = "sizes = set()\nprint('on', flush=True)\nwhile not os.path.exists('stop'):\n    \
        sizes.add(len(open('f', 'rb').read()))\nprint(sorted(sizes - {3}))";
    let over = Arc::new(AtomicBool::new(false));
    let writer = {
        let (sandbox, over) = (context.sandbox().clone(), over.clone());
        tokio::spawn(async move {
            let mut turn = 0u64;
            while !over.load(Ordering::Relaxed) && turn < 60 {
                let size = if turn.is_multiple_of(2) { 3_000_000 } else { 1_000 };
                let source = tokio::io::repeat(b'n').take(size);
                sandbox.files().write("f", source, 0o644).await.unwrap();
                turn += 1;
            }
            sandbox.files().write("stop", &b""[..], 0o644).await.unwrap();
        })
    };
    let outcome = bench.run(&context, watch).await;
    over.store(true, Ordering::Relaxed);
    writer.await.unwrap();
    let sizes = outcome.stdout.trim_start_matches("on\n").trim();
    assert!(["[1000, 3000000]", "[1000]", "[3000000]"].contains(&sizes), "{outcome:?}");
}

/// In a process of its own, so that its memory can be measured.
pub async fn hundred_megabytes(bench: Bench) {
    if !alone::is_alone() {
        return alone::run(&bench);
    }
    let context = bench.python(Limits::default()).await;
    bench.print(&context, "print('warm')").await;
    let before = peak_kib();
    let files = context.sandbox().files();
    let size = 100 << 20;
    assert_eq!(files.write("large", tokio::io::repeat(b'l').take(size), 0o644).await.unwrap(), size);
    let code = "import os\nprint(os.path.getsize('large'), open('large', 'rb').read(3))";
    assert_eq!(bench.print(&context, code).await, format!("{size} b'lll'\n"));
    assert_eq!(files.read("large", tokio::io::sink()).await.unwrap(), size);
    let grown = peak_kib().saturating_sub(before);
    assert!(grown < 48 << 10, "this process grew by {grown} KiB");
    let mut alive = bench.print(&context, "print('alive')").await;
    alive.truncate(5);
    assert_eq!(alive, "alive");
}

fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
