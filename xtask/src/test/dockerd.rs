//! A container engine for one run of the tests: Docker's own daemon with folders, control groups and runtimes of its
//! own, and no network. It needs root; whatever it starts ends with it.

use crate::command::{installed, is_root};
use anyhow::{Context, Result, bail};
use serde_json::json;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Not `belljar-…`: what bears that name and has no living owner is cleaned up by Belljar.
const CONTROL_GROUP: &str = "tests-of-belljar";
const PATIENCE: Duration = Duration::from_secs(30);

/// A running engine.
pub struct Dockerd {
    daemon: Child,
    folder: PathBuf,
}

/// Why there is none.
pub fn hindrance() -> Option<&'static str> {
    match () {
        () if !is_root().unwrap_or(false) => Some("an engine of its own needs root"),
        () if !installed("dockerd") => Some("dockerd is not installed (`apt-get install docker.io`)"),
        () => None,
    }
}

impl Dockerd {
    /// Starts it and waits until it answers.
    pub fn start() -> Result<Dockerd> {
        // A short path: sockets below it have at most 107 bytes.
        let folder = std::env::temp_dir().join(format!("engine-{}", std::process::id()));
        std::fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
        let text = configuration(&folder).to_string();
        std::fs::write(folder.join("daemon.json"), text).context("write the engine's configuration")?;
        let log = std::fs::File::create(folder.join("log")).context("write the engine's log")?;
        let mut command = Command::new("dockerd");
        command.arg("--config-file").arg(folder.join("daemon.json"));
        command.arg("--host").arg(format!("unix://{}", folder.join("socket").display()));
        // A signal to the terminal is not for the engine: it ends after the tests.
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
        let daemon = command.spawn().context("start dockerd")?;
        let mut engine = Dockerd { daemon, folder };
        engine.wait()?;
        Ok(engine)
    }

    /// Where it listens.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("socket")
    }

    fn wait(&mut self) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        while UnixStream::connect(self.socket()).is_err() {
            if self.daemon.try_wait()?.is_some() || Instant::now() > end {
                let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                let tail: Vec<&str> = log.lines().rev().take(8).collect();
                bail!("dockerd did not come up:\n{}", tail.into_iter().rev().collect::<Vec<_>>().join("\n"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

impl Drop for Dockerd {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.daemon.id().to_string()).status();
        let end = Instant::now() + PATIENCE;
        while matches!(self.daemon.try_wait(), Ok(None)) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
        let hierarchies = std::fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten();
        for path in hierarchies.map(|entry| entry.path().join(CONTROL_GROUP)) {
            let _ = std::fs::remove_dir(path);
        }
    }
}

fn configuration(folder: &Path) -> serde_json::Value {
    let mut runtimes = json!({});
    if installed("runsc") {
        // The ptrace platform works wherever Linux does; the others want KVM or a newer gVisor.
        runtimes["runsc"] = json!({"path": "runsc", "runtimeArgs": ["--platform=ptrace", "--network=none"]});
    }
    json!({
        "data-root": folder.join("data"), "exec-root": folder.join("exec"), "pidfile": folder.join("pid"),
        "bridge": "none", "iptables": false, "ip6tables": false, "ip-forward": false, "ip-masq": false,
        "exec-opts": ["native.cgroupdriver=cgroupfs"], "cgroup-parent": format!("/{CONTROL_GROUP}"),
        // A root without CAP_SYS_RESOURCE cannot lower it.
        "oom-score-adjust": 0,
        "runtimes": runtimes,
    })
}
