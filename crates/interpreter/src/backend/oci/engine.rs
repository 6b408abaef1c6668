//! The engine: where it listens, what it is, what it can hold, and what it means when it says no.

use super::OciSettings;
use super::container::Wanted;
use crate::backend::{Check, StartError};
use bollard::{API_DEFAULT_VERSION, Docker, errors::Error};
use protocol::Level;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Seconds that an engine may take for one answer; making a container on a busy machine takes some.
const ANSWER_SECS: u64 = 120;
/// What is told of an engine's refusal, in bytes.
const TEXT_BYTES_MAX: usize = 600;
/// Where engines listen.
const SOCKETS: [(&str, &str); 3] = [
    ("docker", "/var/run/docker.sock"),
    ("podman", "/run/podman/podman.sock"),
    ("docker", "/run/user/docker.sock"),
];
/// Programs of which older versions let containers out: name, first good version, what is wrong.
const KNOWN_BAD: [(&str, [u32; 3], &str); 3] = [
    ("runc", [1, 2, 8], "CVE-2025-31133, CVE-2025-52565, CVE-2025-52881 (masked paths)"),
    ("crun", [1, 20, 0], "CVE-2025-24965 (file system root)"),
    ("containerd", [1, 7, 27], "CVE-2024-40635 (user ids)"),
];

/// An engine that answers.
pub(super) struct Engine {
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
    pub level: Level,
    /// Names of all its runtimes.
    runtimes: Vec<String>,
    /// Versions of its parts.
    parts: Vec<(String, String)>,
    /// This process's namespaces.
    pub ns: BTreeMap<String, u64>,
}

impl Engine {
    /// The engine of the settings, or the first that answers.
    pub async fn find(settings: &OciSettings) -> Result<Engine, StartError> {
        let mut tried = Vec::new();
        for socket in sockets(settings) {
            match Engine::open(&socket, settings).await {
                Ok(engine) => return Ok(engine),
                Err(why) => tried.push(format!("{}: {why}", socket.display())),
            }
        }
        let hint = "install and start Docker (`sudo apt install docker.io`) or Podman (`systemctl --user start \
            podman.socket`), name its socket in [backend.oci] engine, or use --backend native";
        Err(StartError {
            hint: Some(hint.to_owned()),
            ..StartError::new("no_engine", format!("no container engine answers ({})", tried.join("; ")))
        })
    }

    async fn open(socket: &Path, settings: &OciSettings) -> Result<Engine, Error> {
        let path = socket.to_string_lossy();
        let docker =
            Docker::connect_with_unix(&path, ANSWER_SECS, API_DEFAULT_VERSION)?.negotiate_version().await?;
        let (version, info) = (docker.version().await?, docker.info().await?);
        let parts: Vec<(String, String)> =
            version.components.into_iter().flatten().map(|part| (part.name, part.version)).collect();
        let is_podman = parts.iter().any(|(name, _)| name.contains("Podman"));
        let name = if is_podman { "Podman" } else { "Docker" };
        let users = info.security_options.unwrap_or_default();
        let known = info.runtimes.unwrap_or_default();
        let chosen = settings.runtime.clone().or(info.default_runtime).unwrap_or_default();
        // A runtime may have any name; its program tells what it is.
        let program = known.get(&chosen).and_then(|runtime| runtime.path.clone()).unwrap_or_default();
        let mut runtimes: Vec<String> = known.into_keys().collect();
        runtimes.sort();
        Ok(Engine {
            socket: socket.to_owned(),
            title: format!("{name} {}", version.version.unwrap_or_default()),
            is_podman,
            remapped: users.iter().any(|option| ["name=userns", "name=rootless"].contains(&option.as_str())),
            limits: info.memory_limit == Some(true) && info.pids_limit == Some(true),
            level: level(&chosen, &program),
            runtime: settings.runtime.clone(),
            ns: jail::namespaces_of("self"),
            docker,
            runtimes,
            parts,
        })
    }

    /// What an engine's refusal means.
    pub fn explain(&self, step: &str, error: Error, wanted: &Wanted) -> StartError {
        let text = error.to_string();
        let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
        let image = wanted.image();
        let missing = matches!(error, Error::DockerResponseServerError { status_code: 404, .. });
        let (code, hint) = match () {
            () if missing && step.starts_with("make") => {
                ("no_image", format!("`docker pull {image}` fetches it, `docker images` lists what is there"))
            }
            () if has(&["no space left", "disk quota"]) => {
                ("disk_full", "the engine's disk is full: `docker system df` tells by what".to_owned())
            }
            () if has(&["unknown or invalid runtime", "unknown runtime", "default OCI runtime"]) => {
                ("no_runtime", format!("this engine has {}", self.runtimes.join(", ")))
            }
            () => ("engine", "`belljar doctor` tells what the engine has and lacks".to_owned()),
        };
        let text = crate::text::cut(&crate::text::plain(&text), TEXT_BYTES_MAX);
        StartError {
            hint: Some(hint),
            ..StartError::new(code, format!("{} cannot {step}: {text}", self.title))
        }
    }

    fn checks(&self) -> Vec<Check> {
        let check = |name: &str, holds, found: String, remedy: Option<&str>| Check {
            name: name.to_owned(),
            holds,
            needed: false,
            found,
            remedy: remedy.filter(|_| !holds).map(str::to_owned),
        };
        let mut checks = vec![
            Check {
                needed: true,
                ..check("engine", true, format!("{}, {}", self.title, self.socket.display()), None)
            },
            check("runtimes", true, self.runtimes.join(", "), None),
            check(
                "gVisor",
                self.runtimes.iter().any(|name| name.contains("runsc")),
                "a kernel of its own for each sandbox".to_owned(),
                Some("sudo apt install runsc && sudo runsc install && sudo systemctl reload docker"),
            ),
            check(
                "limits",
                self.limits,
                if self.limits {
                    "memory, processes and CPU are held"
                } else {
                    "the guest has to watch memory"
                }
                .into(),
                Some("use control groups v2, with a rootful engine or delegated controllers"),
            ),
            check(
                "users",
                self.remapped,
                if self.remapped { "other users outside" } else { "the same users outside" }.into(),
                Some("a rootless engine, or \"userns-remap\": \"default\" in /etc/docker/daemon.json"),
            ),
        ];
        for (name, good, what) in KNOWN_BAD {
            let Some((_, version)) = self.parts.iter().find(|(part, _)| part == name) else { continue };
            let [major, minor, micro] = good;
            let found = format!(
                "{version}{}",
                if older(version, good) { format!(": {what}") } else { String::new() }
            );
            let remedy =
                format!("{name} {major}.{minor}.{micro} or newer, unless your distribution has mended it");
            checks.push(check(name, !older(version, good), found, Some(&remedy)));
        }
        checks
    }
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

/// Whether a version such as `1.1.5+ds1` is older than `good`.
fn older(version: &str, good: [u32; 3]) -> bool {
    let mut numbers = version.trim_start_matches('v').split(|c: char| !c.is_ascii_digit()).map(str::parse);
    let found: Vec<u32> = std::iter::from_fn(|| numbers.next()?.ok()).take(3).collect();
    !found.is_empty() && found < good.to_vec()
}

/// What `belljar doctor` tells of containers.
pub(super) fn look(settings: &OciSettings) -> (Vec<Check>, Level) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let found = runtime.map_err(|error| StartError::new("engine", error.to_string()));
    match found.and_then(|runtime| runtime.block_on(Engine::find(settings))) {
        Ok(engine) => (engine.checks(), engine.level),
        Err(error) => {
            let (name, holds, needed) = ("engine".to_owned(), false, true);
            (
                vec![Check { name, holds, needed, found: error.message, remedy: error.hint }],
                Level::SharedKernel,
            )
        }
    }
}

/// An error of this host, not of the engine.
pub(super) fn failed(step: &'static str) -> impl Fn(std::io::Error) -> StartError {
    move |error| StartError::new("host", format!("cannot {step}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        for (version, is_older) in [
            ("1.1.5+ds1", true),
            ("1.2.8", false),
            ("v1.10.0-rc1", false),
            ("1.2.7~dev", true),
            ("dev", false),
        ] {
            assert_eq!(older(version, [1, 2, 8]), is_older, "{version}");
        }
    }

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
    fn an_engine_is_looked_for_where_it_was_said() {
        let named = |engine: &str| OciSettings {
            engine: Some(engine.to_owned()),
            sockets: vec!["/home/x/docker.sock".into(), "/home/x/podman/podman.sock".into()],
            ..OciSettings::default()
        };
        assert_eq!(sockets(&named("unix:///a/b")), [PathBuf::from("/a/b")]);
        let podman = ["/home/x/podman/podman.sock", "/run/podman/podman.sock"].map(PathBuf::from);
        assert_eq!(sockets(&named("podman")), podman);
        assert_eq!(sockets(&OciSettings::default()).len(), SOCKETS.len());
    }
}
