//! Container engines: Docker and Podman, by their common API.
//!
//! Here an engine is found and asked what it is and can hold. What `doctor` tells of it is `checks`'s, what its refusals
//! mean `refusal`'s, what of this host its containers are shown `shown`'s, images of templates `image`'s, and that no
//! container is left `janitor`'s. What a sandbox is made of is the backend's.

mod checks;
mod image;
mod janitor;
mod refusal;
mod shown;

pub(crate) use checks::look;
pub(crate) use janitor::{Janitor, OWNER, REALM};
pub(crate) use refusal::CREATE;
pub(crate) use shown::{Shown, profile};

use crate::backend::StartError;
use bollard::models::SystemInfoCgroupVersionEnum;
use bollard::{API_DEFAULT_VERSION, Docker, errors::Error};
use protocol::{Level, Wall};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::Mutex;

/// Seconds that an engine may take for one answer; making a container on a busy machine takes some.
const ANSWER_SECS: u64 = 120;
/// Seconds in which an engine has to tell what it is.
const GREETING_SECS: u64 = 15;
/// Where engines listen.
const SOCKETS: [(&str, &str); 3] = [
    ("docker", "/var/run/docker.sock"),
    ("podman", "/run/podman/podman.sock"),
    ("docker", "/run/user/docker.sock"),
];
/// What helps where there is none.
const INSTALL: &str = "install and start Docker (`sudo apt install docker.io`) or Podman (`systemctl --user start \
    podman.socket`), name its socket in [backend.oci] engine, or use --backend native";
/// What helps where one does not let us in.
const LET_IN: &str = "`sudo usermod -aG docker $USER` lets you in, which is as good as root; or use rootless Podman \
    (`systemctl --user start podman.socket`), or --backend native";
/// What is told of the sockets that were tried, in bytes.
const TRIED_BYTES_MAX: usize = 2000;

/// Which engine to use, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OciSettings {
    /// `docker`, `podman`, or the path of a socket; without it the first of `sockets` that answers.
    pub engine: Option<String>,
    /// A runtime's name as the engine knows it (`runc`, `crun`, `runsc`, `kata`, …); else the engine's own choice.
    pub runtime: Option<String>,
    /// The image of all sandboxes; else one is made of each template.
    pub image: Option<String>,
    /// Where engines may listen, beside the usual places; looked at first.
    pub sockets: Vec<PathBuf>,
}

/// Namespaces by their names in `/proc`.
const NAMESPACES: [(&str, Wall); 7] = [
    ("user", Wall::UserNs),
    ("mnt", Wall::MountNs),
    ("pid", Wall::PidNs),
    ("net", Wall::NetNs),
    ("ipc", Wall::IpcNs),
    ("uts", Wall::UtsNs),
    ("cgroup", Wall::CgroupNs),
];

/// An engine that answers.
pub(crate) struct Containers {
    pub docker: Docker,
    socket: PathBuf,
    /// Its name and version.
    pub title: String,
    pub is_podman: bool,
    /// Users in its containers are others outside (user-namespace remap, or a rootless engine).
    pub remapped: bool,
    /// It holds limits of memory and processes.
    pub limits: bool,
    /// The runtime's name, as the engine is asked for it; none for its own choice.
    pub runtime: Option<String>,
    /// The runtime that it uses then.
    chosen: String,
    pub level: Level,
    /// Names of all its runtimes.
    runtimes: Vec<String>,
    /// Versions of its parts.
    parts: Vec<(String, String)>,
    /// This process's namespaces.
    pub ns: BTreeMap<String, u64>,
    janitor: OnceLock<Arc<Janitor>>,
    /// One image is made at a time.
    building: Mutex<()>,
}

impl Containers {
    /// The engine of the settings, or the first that answers.
    pub async fn find(settings: &OciSettings) -> Result<Containers, StartError> {
        let mut tried = Vec::new();
        let mut hint = INSTALL;
        for socket in sockets(settings) {
            let why = match reach(&socket).await {
                Ok(()) => {
                    let asked = Containers::open(&socket, settings);
                    match tokio::time::timeout(Duration::from_secs(GREETING_SECS), asked).await {
                        Ok(Ok(engine)) => return engine.with_runtime(settings.runtime.as_deref()),
                        Ok(Err(error)) => refusal::said(error),
                        Err(_) => format!("no answer within {GREETING_SECS} s"),
                    }
                }
                Err(error) if error.kind() == ErrorKind::NotFound => "not there".to_owned(),
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                    hint = LET_IN;
                    "permission denied".to_owned()
                }
                Err(error) => error.to_string(),
            };
            tried.push(format!("{}: {why}", socket.display()));
        }
        let tried = crate::text::cut(&crate::text::plain(&tried.join("; ")), TRIED_BYTES_MAX);
        let message = format!("no container engine answers ({tried})");
        Err(StartError { hint: Some(hint.to_owned()), ..StartError::new("no_engine", message) })
    }

    async fn open(socket: &Path, settings: &OciSettings) -> Result<Containers, Error> {
        let path = socket.to_string_lossy();
        let docker =
            Docker::connect_with_unix(&path, ANSWER_SECS, API_DEFAULT_VERSION)?.negotiate_version().await?;
        let (version, info) = (docker.version().await?, docker.info().await?);
        let parts: Vec<(String, String)> =
            version.components.into_iter().flatten().map(|part| (part.name, part.version)).collect();
        let is_podman = parts.iter().any(|(name, _)| name.contains("Podman"));
        let name = if is_podman { "Podman" } else { "Docker" };
        let users = info.security_options.unwrap_or_default();
        // Podman does not say so; but whoever owns its socket runs it.
        let owner =
            std::fs::metadata(socket).map(|found| std::os::unix::fs::MetadataExt::uid(&found)).unwrap_or(0);
        let rootless = users.iter().any(|option| option == "name=rootless") || is_podman && owner != 0;
        // Only version 2 lets ordinary users hold limits, whatever Podman says.
        let powerless = rootless && info.cgroup_version == Some(SystemInfoCgroupVersionEnum::_1);
        let known = info.runtimes.unwrap_or_default();
        let default = info.default_runtime.unwrap_or_default();
        // Podman passes by what this API asks for, and uses its own.
        let runtime = settings.runtime.clone().filter(|_| !is_podman);
        let chosen = runtime.clone().unwrap_or_else(|| default.clone());
        // A runtime may have any name; its program tells what it is.
        let program = known.get(&chosen).and_then(|runtime| runtime.path.clone()).unwrap_or_default();
        // Shims are runtimes by another name.
        let is_shim = |name: &String| name.starts_with("io.containerd.");
        let mut runtimes: Vec<String> = known
            .into_keys()
            .filter(|name| if is_podman { *name == default } else { !is_shim(name) })
            .collect();
        runtimes.sort();
        Ok(Containers {
            socket: socket.to_owned(),
            title: format!("{name} {}", version.version.unwrap_or_default()),
            is_podman,
            remapped: rootless || users.iter().any(|option| option == "name=userns"),
            limits: info.memory_limit == Some(true) && info.pids_limit == Some(true) && !powerless,
            level: level(&chosen, &program),
            runtime,
            chosen,
            ns: jail::namespaces_of("self"),
            janitor: OnceLock::new(),
            building: Mutex::default(),
            docker,
            runtimes,
            parts,
        })
    }

    /// With this runtime, or refused because it would be another one.
    fn with_runtime(self, wanted: Option<&str>) -> Result<Containers, StartError> {
        let Some(wanted) = wanted.filter(|wanted| self.is_podman && *wanted != self.chosen) else {
            return Ok(self);
        };
        let hint = format!(
            "put `runtime = \"{wanted}\"` below [engine] into containers.conf, and start Podman's service again"
        );
        let message = format!("{} takes no runtime through its API: it uses {}", self.title, self.chosen);
        Err(StartError { hint: Some(hint), ..StartError::new("no_runtime", message) })
    }

    /// Whether a container has the runtime that it should have, as the engine tells of it afterwards.
    pub fn has_runtime(&self, told: Option<&str>) -> bool {
        // Podman has one for all, and tells of none.
        self.is_podman || told == Some(self.chosen.as_str())
    }

    /// Removes containers; made with the first one. What dead owners left goes then, too.
    pub fn janitor(&self) -> Result<Arc<Janitor>, StartError> {
        if let Some(janitor) = self.janitor.get() {
            return Ok(janitor.clone());
        }
        let made =
            Janitor::start(self.docker.clone()).map_err(failed("start a thread that removes containers"))?;
        Ok(self.janitor.get_or_init(|| Arc::new(made)).clone())
    }

    /// The namespaces in which a process of this host is, and this process is not.
    pub fn namespaces_of(&self, pid: u32) -> Vec<Wall> {
        let its = jail::namespaces_of(&pid.to_string());
        let own =
            |name: &str| its.get(name).is_some_and(|inode| self.ns.get(name).is_some_and(|our| our != inode));
        NAMESPACES.into_iter().filter(|(name, _)| own(name)).map(|(_, wall)| wall).collect()
    }
}

/// Whether somebody listens there.
async fn reach(socket: &Path) -> std::io::Result<()> {
    tokio::net::UnixStream::connect(socket).await.map(drop)
}

/// What separates a runtime's sandboxes from the host.
fn level(name: &str, program: &str) -> Level {
    let is = |word: &str| name.contains(word) || program.contains(word);
    match () {
        () if is("runsc") || is("gvisor") => Level::UserKernel,
        () if is("kata") => Level::Vm,
        () => Level::SharedKernel,
    }
}

fn sockets(settings: &OciSettings) -> Vec<PathBuf> {
    let usual = |engine: &str| {
        let found = SOCKETS.iter().filter(|(name, _)| engine.is_empty() || *name == engine);
        found.map(|(_, path)| PathBuf::from(path)).collect::<Vec<_>>()
    };
    let near = |engine: &str| {
        let named = |path: &&PathBuf| path.to_string_lossy().contains(engine);
        settings.sockets.iter().filter(named).cloned().collect::<Vec<_>>()
    };
    match settings.engine.as_deref() {
        Some(path) if path.contains('/') => vec![PathBuf::from(path.trim_start_matches("unix://"))],
        engine => {
            let engine = engine.unwrap_or_default();
            [near(engine), usual(engine)].concat()
        }
    }
}

/// An error of this host, not of the engine.
pub(crate) fn failed(step: &'static str) -> impl Fn(std::io::Error) -> StartError {
    move |error| StartError::new("host", format!("cannot {step}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_is_known_by_its_name_or_its_program() {
        let rows = [
            ("runc", "runc", Level::SharedKernel),
            ("crun", "", Level::SharedKernel),
            ("sandboxed", "/usr/bin/runsc", Level::UserKernel),
            ("runsc-kvm", "", Level::UserKernel),
            ("kata-qemu", "", Level::Vm),
        ];
        for (name, program, expected) in rows {
            assert_eq!(level(name, program), expected, "{name}");
        }
    }

    #[test]
    fn places_are_looked_at_in_order() {
        let named = |engine: &str| OciSettings {
            engine: Some(engine.to_owned()),
            sockets: vec!["/run/user/7/docker.sock".into(), "/run/user/7/podman/podman.sock".into()],
            ..OciSettings::default()
        };
        assert_eq!(sockets(&named("unix:///a/b")), [PathBuf::from("/a/b")]);
        let podman = ["/run/user/7/podman/podman.sock", "/run/podman/podman.sock"].map(PathBuf::from);
        assert_eq!(sockets(&named("podman")), podman);
        assert_eq!(sockets(&OciSettings::default()).len(), SOCKETS.len());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever_for_one_that_is_silent() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let _silent = tokio::net::UnixListener::bind(&path).unwrap();
        let engine = Some(path.display().to_string());
        let found = Containers::find(&OciSettings { engine, ..OciSettings::default() }).await;
        let error = found.err().unwrap();
        assert_eq!(error.code, "no_engine");
        assert!(error.message.contains("no answer within 15 s"), "{}", error.message);
    }
}
