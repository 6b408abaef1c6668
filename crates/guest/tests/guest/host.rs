//! The host's side of a guest that runs as an ordinary process, without walls.

use protocol::driver::DriverStatus;
use protocol::frame::{Decoder, encode};
use protocol::guest::*;
use protocol::{ContextId, ExecutionId};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Descriptors that children inherit exist only while one is started.
static STARTING: Mutex<()> = Mutex::new(());

thread_local! {
    /// What the next guest is told beside the usual.
    static MORE: std::cell::RefCell<serde_json::Map<String, serde_json::Value>> = std::cell::RefCell::default();
}

pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct Host {
    zygote: Option<Child>,
    pub stream: UnixStream,
    pub child: Child,
    pub dir: PathBuf,
    decoder: Decoder,
    ids: u128,
    /// Which context an execution went to.
    places: BTreeMap<ExecutionId, ContextId>,
}

/// All that came of one execution.
#[derive(Default, Debug)]
pub struct Ran {
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub skipped: u64,
    pub bundles: Vec<String>,
    pub raised: Vec<String>,
    pub frames: usize,
    pub end: Option<End>,
    pub results_dropped: u32,
    pub files_dropped: u32,
    pub files: Vec<Changed>,
    pub spilled_to: Vec<String>,
    pub cpu_us: u64,
    pub memory_peak_bytes: u64,
    pub gone: bool,
}

pub fn caps() -> Caps {
    Caps { output_bytes: 1 << 20, results: 100, results_bytes: 1 << 20, files: 100, spill: false }
}

pub fn ok() -> Option<End> {
    Some(End::Done { status: DriverStatus::Ok, exit_code: 0 })
}

impl Host {
    /// A guest as an ordinary process.
    pub fn start() -> Host {
        Host::start_as(&[], false)
    }

    /// A guest with a zygote beside it.
    pub fn with_zygote() -> Host {
        Host::start_as(&[], true)
    }

    /// A guest as pid 1 of a namespace, with a workspace of 1 MiB; `None` where this user may not make one.
    pub fn as_pid_one() -> Option<Host> {
        let mount = "mount -t tmpfs -o size=1m,nr_inodes=2000 none \"$WORKSPACE\" && exec \"$0\" \"$@\"";
        let unshare = ["unshare", "-Urpfm", "--kill-child", "--mount-proc", "sh", "-c"];
        let probe = Command::new(unshare[0]).args(&unshare[1..]).arg("true").output();
        if !probe.is_ok_and(|probe| probe.status.success()) {
            assert!(std::env::var_os("CI").is_none(), "CI must be able to make namespaces");
            eprintln!("skipped: this user cannot make user and pid namespaces");
            return None;
        }
        Some(Host::start_as(&[&unshare[..], &[mount]].concat(), false))
    }

    /// The same, told this as well.
    pub fn as_pid_one_with(more: serde_json::Value) -> Option<Host> {
        MORE.set(more.as_object().unwrap().clone());
        let host = Host::as_pid_one();
        MORE.take();
        host
    }

    /// The same, with a zygote that it starts itself.
    pub fn with_own_zygote() -> Option<Host> {
        let argv = ["python3", &script("zygote.py"), "own"];
        let env = [["PATH", "/usr/local/bin:/usr/bin:/bin"]];
        Host::as_pid_one_with(serde_json::json!({ "own_zygote": { "argv": argv, "env": env } }))
    }

    fn start_as(before: &[&str], zygote: bool) -> Host {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("belljar-guest-{}-{count}", std::process::id()));
        std::fs::create_dir_all(dir.join("workspace")).unwrap();
        std::fs::create_dir_all(dir.join("tmp")).unwrap();
        let (stream, theirs) = UnixStream::pair().unwrap();
        let lock = STARTING.lock().unwrap();
        let theirs = OwnedFd::from(theirs);
        rustix::io::fcntl_setfd(&theirs, rustix::io::FdFlags::empty()).unwrap();
        let mut fds = serde_json::json!({
            "stream": theirs.as_raw_fd(), "workspace": dir.join("workspace"), "tmp": dir.join("tmp"),
        });
        MORE.with_borrow(|more| fds.as_object_mut().unwrap().extend(more.clone()));
        let (zygote, socket) = zygote.then(start_zygote).unzip();
        if let Some(socket) = &socket {
            rustix::io::fcntl_setfd(socket, rustix::io::FdFlags::empty()).unwrap();
            fds["zygote"] = socket.as_raw_fd().into();
        }
        let argv = [before, &[env!("CARGO_BIN_EXE_belljar-guest"), "init"]].concat();
        let child = Command::new(argv[0])
            .args(&argv[1..])
            .env("BELLJAR_START", fds.to_string())
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("WORKSPACE", dir.join("workspace"))
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        drop((theirs, socket));
        drop(lock);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut host =
            Host { zygote, stream, child, dir, decoder: Decoder::default(), ids: 0, places: BTreeMap::new() };
        assert!(matches!(host.next().0, Reply::Ready { version: VERSION, .. }));
        host
    }

    pub fn workspace(&self, path: &str) -> PathBuf {
        self.dir.join("workspace").join(path)
    }

    pub fn send(&mut self, request: &Request, payload: &[u8]) {
        let mut bytes = Vec::new();
        encode(request, payload, &mut bytes).unwrap();
        self.stream.write_all(&bytes).unwrap();
    }

    pub fn next(&mut self) -> (Reply, Vec<u8>) {
        let mut buffer = vec![0; 1 << 16];
        loop {
            if let Some(frame) = self.decoder.next::<Reply>().unwrap() {
                return (frame.header, frame.payload);
            }
            let count = self.stream.read(&mut buffer).expect("the guest answers in time");
            assert!(count > 0, "the guest is alive");
            self.decoder.push(&buffer[..count]);
        }
    }

    fn bits(&mut self) -> u128 {
        self.ids += 1;
        self.ids
    }

    pub fn create(&mut self, argv: &[&str], streams: Streams, stdin: bool) -> ContextId {
        let context = ContextId::from_bits(self.bits());
        let argv = argv.iter().map(|text| (*text).to_owned()).collect();
        let cwd = self.workspace("").to_str().unwrap().to_owned();
        let launch = Launch::Command { argv, streams };
        let create = Request::ContextCreate {
            context: context.clone(),
            launch,
            cwd,
            env: BTreeMap::new(),
            stdin,
            ahead: false,
        };
        self.send(&create, b"");
        context
    }

    pub fn fork(&mut self, cwd: &str, stdin: bool) -> ContextId {
        let context = ContextId::from_bits(self.bits());
        let (launch, cwd, env) = (Launch::Zygote, cwd.to_owned(), BTreeMap::new());
        self.send(
            &Request::ContextCreate { context: context.clone(), launch, cwd, env, stdin, ahead: false },
            b"",
        );
        context
    }

    pub fn python(&mut self) -> ContextId {
        self.create(&["python3", &script("honest.py")], Streams::PerExecution, false)
    }

    pub fn liar(&mut self, lie: &str) -> ContextId {
        self.create(&["python3", &script("liar.py"), lie], Streams::PerContext, false)
    }

    pub fn execute(&mut self, context: &ContextId, code: &str, caps: Caps) -> ExecutionId {
        let execution = ExecutionId::from_bits(self.bits());
        let request = Request::Execute {
            context: context.clone(),
            execution: execution.clone(),
            caps,
            env: BTreeMap::new(),
        };
        self.send(&request, code.as_bytes());
        self.places.insert(execution.clone(), context.clone());
        execution
    }

    pub fn command(&mut self, script: &str, stdin: bool) -> ExecutionId {
        let execution = ExecutionId::from_bits(self.bits());
        let request = Request::CommandStart {
            execution: execution.clone(),
            argv: ["bash", "-c", script].map(str::to_owned).to_vec(),
            cwd: self.workspace("").to_str().unwrap().to_owned(),
            env: BTreeMap::from([("GREETING".to_owned(), "hello".to_owned())]),
            stdin,
            caps: caps(),
        };
        self.send(&request, b"");
        execution
    }

    pub fn run(&mut self, context: &ContextId, code: &str) -> Ran {
        let execution = self.execute(context, code, caps());
        self.collect(&execution)
    }

    /// Reads until a line was printed whole: its end may come in a frame of its own.
    pub fn hear_line(&mut self) {
        loop {
            if let (Reply::Output { .. }, payload) = self.next()
                && payload.ends_with(b"\n")
            {
                return;
            }
        }
    }

    /// Reads until that execution has ended, or its context.
    pub fn collect(&mut self, wanted: &ExecutionId) -> Ran {
        let mut ran = Ran::default();
        loop {
            let (reply, payload) = self.next();
            ran.frames += 1;
            match reply {
                Reply::Output { execution, stream, skipped } if execution == *wanted => {
                    ran.skipped += skipped;
                    match stream {
                        Stream::Stdout => ran.stdout.extend(payload),
                        Stream::Stderr => ran.stderr.extend(payload),
                    }
                }
                Reply::Bundle { execution, .. } if execution == *wanted => {
                    ran.bundles.push(String::from_utf8(payload).unwrap());
                }
                Reply::Raised { execution } if execution == *wanted => {
                    ran.raised.push(String::from_utf8(payload).unwrap());
                }
                Reply::Ended { execution, end, cpu_us, results_dropped, files_dropped, spilled_to }
                    if execution == *wanted =>
                {
                    ran.end = Some(end);
                    ran.cpu_us = cpu_us;
                    ran.results_dropped = results_dropped;
                    ran.files_dropped = files_dropped;
                    ran.spilled_to = spilled_to;
                    ran.files = serde_json::from_slice(&payload).unwrap();
                    return ran;
                }
                Reply::ContextReady { .. } | Reply::StdinTaken { .. } => {}
                Reply::Memory { peak_bytes } => ran.memory_peak_bytes = peak_bytes,
                Reply::ContextEnded { context, .. } => {
                    ran.gone = self.places.get(wanted) == Some(&context);
                    if ran.gone {
                        return ran;
                    }
                }
                other => panic!("of another execution: {other:?}"),
            }
        }
    }

    /// Reads until a context has ended: how, and why.
    pub fn ended(&mut self, wanted: &ContextId) -> (Option<Exit>, Option<String>, Option<i32>) {
        loop {
            if let Reply::ContextEnded { context, exit, failure, errno } = self.next().0
                && context == *wanted
            {
                return (exit, failure, errno);
            }
        }
    }

    /// Does a file operation: its payloads, or its error number.
    pub fn operate(&mut self, request: Request) -> Result<Vec<Vec<u8>>, i32> {
        self.send(&request, b"");
        let mut chunks = Vec::new();
        loop {
            match self.next() {
                (Reply::Chunk { .. }, payload) => chunks.push(payload),
                (Reply::Done { .. }, _) => return Ok(chunks),
                (Reply::Failed { errno, message, .. }, _) => {
                    assert!(!message.contains("os error") && message.contains(": "), "{message}");
                    return Err(errno);
                }
                (other, _) => panic!("{other:?}"),
            }
        }
    }

    pub fn write(&mut self, path: &str, bytes: &[u8]) -> Result<(), i32> {
        self.send(&Request::WriteBegin { transfer: 1, path: path.to_owned(), mode: 0o640 }, b"");
        for part in bytes.chunks(10_000) {
            self.send(&Request::WriteChunk { transfer: 1 }, part);
        }
        self.operate(Request::WriteEnd { transfer: 1, keep: true }).map(drop)
    }

    pub fn read(&mut self, path: &str, offset: u64, length: u64) -> Result<Vec<u8>, i32> {
        let read = Request::Read { transfer: 2, path: path.to_owned(), offset, length };
        self.operate(read).map(|chunks| chunks.concat())
    }

    /// The guest's memory, in KiB.
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
        let begun = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            if begun.elapsed() > PATIENCE {
                let _ = self.child.kill();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        // It ends when the guest's end of its socket is closed.
        let _ = self.zygote.as_mut().map(Child::wait);
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// Starts the small zygote, which ends when its socket does: it, and the guest's end.
fn start_zygote() -> (Child, OwnedFd) {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
    let (ours, theirs) =
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
    rustix::io::fcntl_setfd(&theirs, rustix::io::FdFlags::empty()).unwrap();
    let mut zygote = Command::new("python3");
    let child = zygote.arg(script("zygote.py")).arg(theirs.as_raw_fd().to_string()).spawn().unwrap();
    (child, ours)
}

pub fn script(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guest").join(name).to_str().unwrap().to_owned()
}
