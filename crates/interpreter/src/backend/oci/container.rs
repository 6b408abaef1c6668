//! What a container is made of, and which walls it has when the engine is asked about it afterwards.

use crate::backend::{Preload, StartRequest, owner, zygote};
use crate::containers::{Containers, OWNER, REALM, Shown, profile};
use bollard::models::{
    ContainerCreateBody, ContainerInspectResponse, HealthConfig, HostConfig, HostConfigCgroupnsModeEnum,
    HostConfigLogConfig, ResourcesUlimits,
};
use jail::container::ContainerPlan;
use jail::plan::inside;
use protocol::{Isolation, Level, Limits, Strength, Wall};
use std::collections::HashMap;

/// Memory of guest and zygote, which count towards the container's limit, in bytes.
const OWN_MEMORY_BYTES: u64 = 32 << 20;
/// Memory of a kernel in user space, in bytes.
const KERNEL_MEMORY_BYTES: u64 = 256 << 20;
/// The guest and the zygote.
const OWN_PIDS: i64 = 2;
/// Threads of a kernel in user space.
const KERNEL_PIDS: i64 = 4096;
/// Kernel users that no distribution gives to anybody.
const USERS: std::ops::Range<u128> = 0x7000_0000..0x7fff_fffe;
/// What no sandbox sees beside what is hidden in `/proc`: the host's devices and control groups, and what gVisor offers.
const HIDDEN: [&str; 3] = ["/sys", "/dev/fuse", "/dev/net"];
/// Options of what covers a volume.
const COVER: &str = "ro,noexec,nosuid,nodev,size=4096";

/// A container that is to be made.
pub(super) struct Wanted {
    pub image: String,
    /// The kernel user, which is no other sandbox's where the engine does not remap users.
    uid: u32,
    own_uid: bool,
    host: HostConfig,
    plan: ContainerPlan,
    path: Option<&'static str>,
}

impl Wanted {
    pub fn new(request: &StartRequest, engine: &Containers, image: String, shown: Shown) -> Wanted {
        let limits = request.limits.clone();
        let own_uid = !engine.remapped;
        let random = USERS.start + crate::ids::random() % (USERS.end - USERS.start);
        let uid = if own_uid { random as u32 } else { inside::UID };
        let kernel = engine.level != Level::SharedKernel;
        let counted = engine.limits && !kernel;
        let imports = match (&request.template, request.preload) {
            (Some(template), Preload::Full) => template.preload.join(","),
            _ => String::new(),
        };
        let foreign = shown.all;
        let python: &[&str] = if foreign { &["python3"] } else { &[] };
        let plan = ContainerPlan {
            rlimits: jail::rlimits(&limits, counted || kernel),
            memory_bytes_max: (!counted).then_some(limits.memory_bytes),
            pids_max: (!counted).then_some(limits.pids),
            workspace: request.workspace.to_owned(),
            ns: engine.ns.clone(),
            zygote: Some(zygote::plan(python, &imports)),
        };
        // An image of ours sets nothing itself.
        let path =
            (!foreign).then_some("/.belljar/template/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin");
        let host = host(&limits, engine, uid, shown);
        Wanted { image, uid, own_uid, host, plan, path }
    }

    /// What the engine is asked for.
    pub fn body(&self) -> ContainerCreateBody {
        let plan = serde_json::to_string(&self.plan).unwrap_or_default();
        let mut env = vec![format!("{}={plan}", ContainerPlan::VARIABLE)];
        env.extend(self.path.map(|path| format!("PATH={path}")));
        let labels = [(OWNER, owner::own_name()), (REALM, owner::realm())];
        ContainerCreateBody {
            image: Some(self.image.clone()),
            hostname: Some("sandbox".into()),
            user: Some(format!("{0}:{0}", self.uid)),
            env: Some(env),
            entrypoint: Some(vec![inside::GUEST.to_owned(), "contain".to_owned()]),
            cmd: Some(Vec::new()),
            working_dir: Some("/".into()),
            labels: Some(labels.map(|(name, value)| (name.to_owned(), value)).into()),
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            open_stdin: Some(true),
            // When whoever attached is gone, the guest reads the end of its stream, and ends.
            stdin_once: Some(true),
            // What an image wants to have checked would run beside the guest.
            healthcheck: Some(HealthConfig {
                test: Some(vec!["NONE".to_owned()]),
                ..HealthConfig::default()
            }),
            host_config: Some(self.host.clone()),
            ..ContainerCreateBody::default()
        }
    }

    /// What the engine really made, as it tells and as the host shows.
    pub fn isolation(&self, found: &ContainerInspectResponse, engine: &Containers) -> Isolation {
        let (config, host) =
            (found.config.clone().unwrap_or_default(), found.host_config.clone().unwrap_or_default());
        let pid = found.state.as_ref().and_then(|state| state.pid).and_then(|pid| u32::try_from(pid).ok());
        let limit =
            pid.filter(|pid| *pid > 0).and_then(jail::cgroup::Group::of).and_then(|g| g.memory_limit_bytes());
        let asked = self.host.memory.unwrap_or_default();
        let counted = engine.limits
            && (host.memory, host.memory_swap) == (self.host.memory, self.host.memory_swap)
            && host.pids_limit == self.host.pids_limit
            && limit.is_none_or(|limit| i64::try_from(limit).is_ok_and(|limit| limit <= asked));
        let mut walls = Vec::new();
        if let (Some(pid), true) = (pid, engine.level != Level::SharedKernel) {
            walls.extend(engine.namespaces_of(pid));
        }
        if counted {
            walls.push(Wall::Cgroup);
        }
        if self.own_uid && config.user.is_some_and(|user| user.starts_with(&self.uid.to_string())) {
            walls.push(Wall::OwnUid);
        }
        let volume = found.mounts.iter().flatten().any(|mount| mount.typ.as_deref() == Some("volume"));
        let closed =
            host.readonly_rootfs == Some(true) && host.network_mode.as_deref() == Some("none") && !volume;
        // A runtime that was not asked for promises nothing.
        let (level, meant) = match engine.has_runtime(host.runtime.as_deref()) {
            true => (engine.level, true),
            false => (Level::SharedKernel, false),
        };
        let strength = if counted && closed && meant { Strength::Standard } else { Strength::Weak };
        Isolation { backend: "oci".into(), level, strength, walls, missing: Vec::new() }
    }
}

fn host(limits: &Limits, engine: &Containers, uid: u32, shown: Shown) -> HostConfig {
    let kernel = engine.level != Level::SharedKernel;
    let own = if kernel { KERNEL_MEMORY_BYTES } else { OWN_MEMORY_BYTES };
    let memory = i64::try_from(limits.memory_bytes.saturating_add(own)).unwrap_or(i64::MAX);
    let pids = if kernel { KERNEL_PIDS } else { i64::from(limits.pids) + OWN_PIDS };
    let ulimit = |name: &str, value: u64| ResourcesUlimits {
        name: Some(name.into()),
        soft: Some(value as i64),
        hard: Some(value as i64),
    };
    // Podman takes the path of a profile for its name, Docker its text.
    let profile = if engine.is_podman { shown.profile.display().to_string() } else { profile() };
    let security = vec!["no-new-privileges".to_owned(), format!("seccomp={profile}")];
    HostConfig {
        runtime: engine.runtime.clone(),
        network_mode: Some("none".into()),
        readonly_rootfs: Some(true),
        extra_hosts: Some(vec!["sandbox:127.0.0.1".into()]),
        binds: Some(shown.binds),
        tmpfs: Some(tmpfs(limits, engine, uid, &shown.volumes)),
        shm_size: i64::try_from(limits.disk_bytes).ok(),
        memory: engine.limits.then_some(memory),
        memory_swap: engine.limits.then_some(memory),
        pids_limit: engine.limits.then_some(pids),
        nano_cpus: engine.limits.then(|| i64::from(limits.cpu_millis) * 1_000_000),
        ulimits: Some(vec![ulimit("nofile", limits.open_files.max(1024)), ulimit("nproc", 8192)]),
        cap_drop: Some(vec!["ALL".into()]),
        security_opt: Some(security),
        auto_remove: Some(true),
        ipc_mode: Some("private".into()),
        cgroupns_mode: Some(HostConfigCgroupnsModeEnum::PRIVATE),
        masked_paths: Some(
            jail::hidden_names()
                .map(|name| format!("/proc/{name}"))
                .chain(HIDDEN.map(str::to_owned))
                .collect(),
        ),
        // Nothing that a sandbox says lands in a file of the engine's.
        log_config: Some(HostConfigLogConfig { typ: Some("none".into()), config: None }),
        ..HostConfig::default()
    }
}

/// Writable memory, and something harmless where an image wants folders of the engine's disk, which have no limits.
fn tmpfs(limits: &Limits, engine: &Containers, uid: u32, volumes: &[String]) -> HashMap<String, String> {
    let (disk, inodes) = (limits.disk_bytes, limits.inodes);
    let own = |size: u64, inodes: u64, mode: u32| {
        // Podman knows neither owners nor a number of files.
        let rest = match engine.is_podman {
            true => "mode=1777,notmpcopyup".to_owned(),
            false => format!("mode={mode},nr_inodes={inodes},uid={uid},gid={uid}"),
        };
        format!("rw,exec,nosuid,nodev,size={size},{rest}")
    };
    let mut all: HashMap<String, String> =
        volumes.iter().map(|path| (path.trim_end_matches('/').to_owned(), COVER.to_owned())).collect();
    all.insert(inside::WORKSPACE.to_owned(), own(disk, inodes, 755));
    all.insert(inside::HOME.to_owned(), own(disk, inodes, 755));
    all.insert("/tmp".to_owned(), own(disk, 65_536, 1777));
    all
}
