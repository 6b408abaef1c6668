//! What clients that stay with a sandbox do beside running code: ports, files in place, watching, a home, pauses.

use crate::bench::Bench;
use interpreter::{
    Attributes, Caller, CommandRequest, ContextRequest, Error, ExecuteRequest, FileError, Place, Program,
    Sandbox, SandboxRequest,
};
use protocol::{
    EventKind, Language, Limits, Status,
    guest::{EntryKind, WatchKind},
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

static NONE: BTreeMap<String, String> = BTreeMap::new();

/// A server that says back what it hears, turned around at each line, in a thread of a context.
const SERVER: &str = r"
import socketserver, threading
class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line[-2::-1] + b'\n')
        self.wfile.write(b'over\n')
class Server(socketserver.ThreadingTCPServer):
    address_family = FAMILY
    request_queue_size = 100
server = Server((PLACE, PORT), Handler)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
";

/// Which file it is, and its permissions.
const LOOK: &str = "python3 -c 'import os; s = os.stat(\"new/a.txt\"); print(s.st_ino, oct(s.st_mode)[-3:])'";

async fn shell(bench: &Bench, sandbox: &Arc<Sandbox>, line: &str) -> String {
    let request = CommandRequest::new(Program::Shell(line.to_owned()));
    let run = bench.interpreter.command(&Caller::local(), sandbox, request).await.unwrap();
    let outcome = run.outcome().await;
    assert_eq!(outcome.exit_code, 0, "{line}: {outcome:?}");
    outcome.stdout
}

fn plain() -> Attributes<'static> {
    Attributes { all: &NONE, prefix: "user.belljar." }
}

fn errno<T: std::fmt::Debug>(result: Result<T, Error>) -> i32 {
    match result.unwrap_err() {
        Error::File(error) => error.errno().unwrap(),
        Error::Program { errno, .. } => errno,
        other => panic!("{other:?}"),
    }
}

pub async fn ports_lead_inside(bench: Bench) {
    let context = bench.python(Limits::default()).await;
    let sandbox = context.sandbox();
    assert_eq!(errno(sandbox.connect(7001).await), 111);
    for (place, family, port) in [
        ("'127.0.0.1'", "socketserver.socket.AF_INET", 7001),
        ("'::1'", "socketserver.socket.AF_INET6", 7002),
    ] {
        let code =
            SERVER.replace("FAMILY", family).replace("PLACE", place).replace("PORT", &port.to_string());
        let outcome = bench.run(&context, &code).await;
        if port == 7002 && outcome.exit_code != 0 {
            bench.skip("ipv6", "sandboxes have no IPv6 loopback here");
            continue;
        }
        assert_eq!(outcome.exit_code, 0, "{outcome:?}");
        let mut connection = sandbox.connect(port).await.unwrap();
        connection.write_all(b"hello\nworld\n").await.unwrap();
        connection.shutdown().await.unwrap();
        let mut said = String::new();
        connection.read_to_string(&mut said).await.unwrap();
        assert_eq!(said, "olleh\ndlrow\nover\n");
    }
    // More than any buffer between them, while somebody else is answered.
    let mut slow = sandbox.connect(7001).await.unwrap();
    let long = [&vec![b'x'; 1 << 20][..], b"\n"].concat();
    let written = tokio::time::timeout(Duration::from_millis(300), slow.write_all(&long)).await;
    assert!(written.is_ok() || bench.run(&context, "1").await.exit_code == 0);
    let mut other = sandbox.connect(7001).await.unwrap();
    other.write_all(b"ab\n").await.unwrap();
    let mut three = [0; 3];
    other.read_exact(&mut three).await.unwrap();
    assert_eq!(&three, b"ba\n");
    drop((slow, other));
    let mut all = Vec::new();
    for _ in 0..50 {
        all.push(sandbox.connect(7001).await.unwrap());
    }
    drop(all);
    assert_eq!(bench.print(&context, "print('still here')").await, "still here\n");
}

pub async fn files_in_place(bench: Bench) {
    let sandbox = bench.sandbox(Limits::default()).await;
    let files = sandbox.files();
    assert_eq!(files.write_in_place("new/a.txt", &b"123"[..], Some(0o640), plain()).await.unwrap(), 3);
    let first =
        shell(&bench, &sandbox, &format!("{LOOK}; ln -s ../new/a.txt new/link; ln -s /tmp out")).await;
    assert!(first.trim().ends_with(" 640"), "{first}");
    files.write_in_place("new/link", &b"longer text"[..], None, plain()).await.unwrap();
    assert_eq!(
        shell(&bench, &sandbox, &format!("{LOOK}; cat new/a.txt")).await,
        format!("{first}longer text")
    );
    assert_eq!(errno(files.write_in_place("new", &b"x"[..], None, plain()).await), 21);
    let entry = files.stat("new/a.txt").await.unwrap();
    assert_eq!((entry.uid, entry.gid), (1000, 1000));
    // Where a path leads, links and all.
    let found = files.resolve("new/link").await.unwrap();
    assert_eq!((found.path.as_str(), found.kind, found.size), ("/workspace/new/a.txt", EntryKind::File, 11));
    assert_eq!(files.resolve("out").await.unwrap().path, "/tmp");
    assert_eq!(errno(files.resolve("nowhere").await), 2);
    assert_eq!(errno(files.resolve("/proc/self/environ").await), 13);
    files.move_to("new/a.txt", "far/away/b.txt").await.unwrap();
    assert_eq!(shell(&bench, &sandbox, "cat far/away/b.txt; echo new/*").await, "longer textnew/link\n");
    assert_eq!(errno(files.move_to("new/none", "other/place").await), 2);
    assert_eq!(errno(files.stat("other").await), 2);
    // Notes about files, where the file system keeps any.
    let note = |value: &str| BTreeMap::from([("user.belljar.note".to_owned(), value.to_owned())]);
    let all = note("größe");
    let noted = Attributes { all: &all, prefix: "user.belljar." };
    match files.write_in_place("noted", &b"x"[..], None, noted).await {
        Ok(_) => {
            assert_eq!(files.attributes("noted", "user.belljar.").await.unwrap(), all);
            files.write_in_place("noted", &b"y"[..], None, plain()).await.unwrap();
        }
        Err(Error::File(FileError::Refused { errno: 95, .. })) => {}
        Err(other) => panic!("{other}"),
    }
    assert_eq!(files.attributes("noted", "user.belljar.").await.unwrap(), BTreeMap::new());
}

pub async fn watched_directories(bench: Bench) {
    let sandbox = bench.sandbox(Limits::default()).await;
    shell(&bench, &sandbox, "mkdir -p w/there").await;
    let mut watching = sandbox.watch("w", true).await.unwrap();
    sandbox.files().write_in_place("w/new.txt", &b"x"[..], None, plain()).await.unwrap();
    let happened = watching.drain().await.unwrap();
    let seen: Vec<(&str, WatchKind)> =
        happened.iter().map(|event| (event.name.as_str(), event.kind)).collect();
    let kinds = [WatchKind::Create, WatchKind::Chmod, WatchKind::Write];
    assert_eq!(seen, kinds.map(|kind| ("new.txt", kind)));
    assert_eq!(watching.drain().await.unwrap(), []);
    shell(
        &bench,
        &sandbox,
        "mkdir -p w/a/b; echo x > w/a/b/c; echo y > w/there/d; mv w/new.txt w/old.txt; rm w/old.txt",
    )
    .await;
    let (mut names, mut old) = (Vec::new(), Vec::new());
    while old.len() < 2 || !names.contains(&"a/b/c".to_owned()) || !names.contains(&"there/d".to_owned()) {
        let event = tokio::time::timeout(Duration::from_secs(20), watching.next()).await;
        let event = event.unwrap_or_else(|_| panic!("{names:?} {old:?}")).unwrap().unwrap();
        if event.name == "old.txt" {
            old.push(event.kind);
        }
        names.push(event.name);
    }
    assert_eq!(old, [WatchKind::Create, WatchKind::Remove]);
    assert_eq!(errno(sandbox.watch("none", false).await.map(drop)), 2);
    shell(&bench, &sandbox, "echo x > file").await;
    assert_eq!(errno(sandbox.watch("file", false).await.map(drop)), 20);
    // More than anybody fetches ends it loudly, or is all there; the sandbox goes on.
    shell(&bench, &sandbox, "for i in $(seq 1 20000); do echo > w/there/f$((i % 2)); done").await;
    let mut count = 0;
    let end = loop {
        match tokio::time::timeout(Duration::from_secs(5), watching.next()).await {
            Ok(Some(Ok(_))) => count += 1,
            Ok(Some(Err(error))) => break Some(errno::<()>(Err(error))),
            Ok(None) | Err(_) => break None,
        }
    };
    assert!(end == Some(75) || count >= 20_000, "{end:?} after {count}");
    assert_eq!(shell(&bench, &sandbox, "echo on").await, "on\n");
}

pub async fn home_is_the_workspace(bench: Bench) {
    let request = SandboxRequest { home_is_workspace: true, ..bench.request(Limits::default()) };
    let sandbox = bench.interpreter.create_sandbox(&Caller::local(), request).await.unwrap();
    assert_eq!(sandbox.workspace(), "/home/user");
    sandbox.files().write("note.txt", &b"there"[..], 0o644).await.unwrap();
    assert_eq!(
        shell(&bench, &sandbox, "pwd; cat /home/user/note.txt; echo $HOME").await,
        "/home/user\nthere/home/user\n"
    );
    let context = sandbox.create_context(ContextRequest::default()).await.unwrap();
    let outcome = bench.run(&context, "import os\nopen('made', 'w').write('x')\nprint(os.getcwd())").await;
    assert_eq!(outcome.stdout, "/home/user\n");
    assert_eq!(outcome.files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), ["made"]);
    assert_eq!(sandbox.files().resolve("made").await.unwrap().path, "/home/user/made");
}

pub async fn paused_sandboxes(bench: Bench) {
    let context = bench.python(Limits::default()).await;
    let sandbox = context.sandbox().clone();
    let code = "import threading, time\nx = 0\ndef count():\n    global x\n    while True:\n        x += 1\n        time.sleep(0.01)\n\
                threading.Thread(target=count, daemon=True).start()";
    bench.print(&context, code).await;
    sandbox.pause().await.unwrap();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    sandbox.resume().await.unwrap();
    let first: u32 = bench.print(&context, "print(x)").await.trim().parse().unwrap();
    assert!(first < 120, "{first}: it went on while it was paused");
    let second: u32 = bench.print(&context, "time.sleep(0.2); print(x)").await.trim().parse().unwrap();
    assert!(second > first, "it does not go on");
    // The time of code that runs does not go on either, and what is asked meanwhile is answered afterwards.
    let code = "print('on', flush=True)\ntime.sleep(1)\nprint('and on')";
    let request = ExecuteRequest {
        timeout_ms: Some(3000),
        ..ExecuteRequest::new(code, Language::Python, Place::Context(context.clone()))
    };
    let mut execution = bench.interpreter.execute(&Caller::local(), request).await.unwrap();
    while !matches!(execution.next().await.unwrap().kind, EventKind::Stdout { .. }) {}
    sandbox.pause().await.unwrap();
    let asked = sandbox.files();
    let (asked, ()) = tokio::join!(asked.stat("/tmp"), async {
        tokio::time::sleep(Duration::from_millis(3500)).await;
        sandbox.resume().await.unwrap();
    });
    let outcome = execution.outcome().await;
    assert!(asked.is_ok(), "{asked:?}");
    assert_eq!(
        (outcome.status, outcome.stdout.as_str()),
        (Status::Ok, "on\nand on\n"),
        "{:?}",
        outcome.error
    );
    assert!(outcome.usage.wall_ms < 3000.0, "{} ms", outcome.usage.wall_ms);
    // Twice is as once, and the end comes all the same.
    sandbox.pause().await.unwrap();
    sandbox.pause().await.unwrap();
    sandbox.destroy().await;
}
