//! An engine of a test's own, which may fail: Docker's daemon with folders, control groups and runtimes of its own, and no
//! network. It needs root; whatever it starts ends with it.

use crate::images::which;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

/// A running daemon.
pub struct Dockerd {
    daemon: Child,
    folder: tempfile::TempDir,
    group: String,
    disk: Option<&'static str>,
}

/// Why there is none.
pub fn hindrance() -> Option<&'static str> {
    match () {
        () if !rustix::process::geteuid().is_root() => Some("an engine of its own needs root"),
        () if which("dockerd").is_none() => Some("dockerd is not installed (`apt-get install docker.io`)"),
        () => None,
    }
}

impl Dockerd {
    /// Starts it and waits until it answers. With `disk` that is all room it has, in memory, as `mount` takes it.
    pub fn start(disk: Option<&'static str>) -> Dockerd {
        // A short path: sockets below it have at most 107 bytes.
        let folder = tempfile::Builder::new().prefix("engine-").tempdir_in("/tmp").unwrap();
        // Not `belljar-…`: what bears that name and has no living owner is cleaned up by Belljar.
        let group = format!("tests-of-belljar-{}", folder.path().file_name().unwrap().to_string_lossy());
        std::fs::create_dir(folder.path().join("data")).unwrap();
        let at = |name: &str| folder.path().join(name);
        let configuration = json!({
            "data-root": at("data"), "exec-root": at("exec"), "pidfile": at("pid"),
            "bridge": "none", "iptables": false, "ip6tables": false, "ip-forward": false, "ip-masq": false,
            "exec-opts": ["native.cgroupdriver=cgroupfs"], "cgroup-parent": format!("/{group}"),
            // A root without CAP_SYS_RESOURCE cannot lower it.
            "oom-score-adjust": 0,
            "runtimes": {"broken": {"path": "/bin/false"}, "absent": {"path": "/nonexistent/runtime"}},
        });
        std::fs::write(at("daemon.json"), configuration.to_string()).unwrap();
        let daemon = spawn(folder.path(), disk);
        let mut started = Dockerd { daemon, folder, group, disk };
        started.wait();
        started
    }

    /// Where it listens.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// Ends it without a chance to clean up.
    pub fn kill(&mut self) {
        self.daemon.kill().unwrap();
        self.daemon.wait().unwrap();
    }

    /// Starts it again after its end.
    pub fn restart(&mut self) {
        self.forget();
        self.daemon = spawn(self.folder.path(), self.disk);
        self.wait();
    }

    /// What it started has died with it; whoever has to reap that may take a while, and a new one would wait for it.
    fn forget(&self) {
        for name in ["pid", "exec/containerd/containerd.pid"] {
            let _ = std::fs::remove_file(self.folder.path().join(name));
        }
    }

    fn wait(&mut self) {
        let end = Instant::now() + PATIENCE;
        while !answers(&self.socket()) {
            let over = self.daemon.try_wait().unwrap().is_some() || Instant::now() > end;
            let log = || std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(!over, "dockerd did not come up:\n{}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn answers(socket: &Path) -> bool {
    let mut answer = String::new();
    let asked = UnixStream::connect(socket).and_then(|mut stream| {
        stream.write_all(b"GET /_ping HTTP/1.0\r\n\r\n")?;
        stream.read_to_string(&mut answer)
    });
    asked.is_ok() && answer.contains(" 200 ")
}

fn spawn(folder: &Path, disk: Option<&str>) -> Child {
    let log = std::fs::File::options().create(true).append(true).open(folder.join("log")).unwrap();
    // Its mounts go with it.
    let script = "if [ -n \"$2\" ]; then mount -t tmpfs -o \"size=$2\" engine \"$1/data\" || exit 1; fi\n\
                  exec dockerd --config-file \"$1/daemon.json\" --host \"unix://$1/socket\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", script, "sh"]);
    command.arg(folder).arg(disk.unwrap_or_default());
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).process_group(0);
    command.spawn().expect("start unshare")
}

impl Drop for Dockerd {
    fn drop(&mut self) {
        // Only it can end the containers that a killed one left.
        if matches!(self.daemon.try_wait(), Ok(Some(_))) && std::thread::panicking() {
            self.forget();
            self.daemon = spawn(self.folder.path(), self.disk);
            let end = Instant::now() + PATIENCE;
            while !answers(&self.socket()) && Instant::now() < end {
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        let _ = kill_process(Pid::from_child(&self.daemon), Signal::TERM);
        let end = Instant::now() + PATIENCE;
        while matches!(self.daemon.try_wait(), Ok(None)) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
        let hierarchies = std::fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten();
        let hierarchies: Vec<PathBuf> = hierarchies.map(|entry| entry.path()).collect();
        for folder in hierarchies.iter().map(PathBuf::as_path).chain([Path::new("/sys/fs/cgroup")]) {
            let _ = std::fs::remove_dir(folder.join(&self.group));
        }
    }
}
