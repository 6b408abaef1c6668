//! A sandbox whose room an engine made: its first process raises what the engine left, and becomes the guest.
//!
//! The engine has made the namespaces, the root and the mounts, dropped all capabilities and set `no_new_privs`. What
//! is there and what is not, the guest looks at and the host reads back; nothing here trusts the engine's word.

use crate::control::{GuestStart, ZygotePlan};
use crate::plan::inside;
use crate::{Failed, enter, landlock, room, sys};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::os::fd::{AsFd, IntoRawFd, RawFd};
use std::process::ExitCode;

/// Top directories that are not simply read-only, or that tell of the host.
const SPECIAL: [&str; 7] = ["proc", "sys", "dev", "tmp", "home", "workspace", ".belljar"];
/// Folders of Belljar's that may be read.
const OWN: [&str; 2] = ["/.belljar/template", "/.belljar/packages"];
/// The descriptors of the guest's stream: read and written.
const STREAM: [RawFd; 2] = [3, 4];

/// Beyond the stream.
const FAR: RawFd = 64;

/// What the first process of a container is told, in the environment variable [`ContainerPlan::VARIABLE`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContainerPlan {
    /// Resource limits: number, and value for both soft and hard.
    pub rlimits: Vec<(u32, u64)>,
    /// Memory of the whole sandbox in bytes, where the engine does not hold that limit.
    pub memory_bytes_max: Option<u64>,
    /// Processes and threads at once, where the engine does not hold that limit.
    pub pids_max: Option<u32>,
    /// Where user code keeps its files.
    pub workspace: String,
    /// Inode numbers of the host's namespaces, by their names in `/proc/self/ns`.
    pub ns: BTreeMap<String, u64>,
    /// The zygote that the guest starts.
    pub zygote: Option<ZygotePlan>,
}

impl ContainerPlan {
    /// The variable's name.
    pub const VARIABLE: &str = "BELLJAR_CONTAINER";
}

/// Becomes the guest; says why not on standard error.
pub fn main() -> ExitCode {
    let Err(failed) = settle();
    eprintln!("cannot {failed}");
    ExitCode::FAILURE
}

fn settle() -> Result<Infallible, Failed> {
    let unreadable = || Failed { step: "read the container's plan".into(), errno: libc::EINVAL };
    let text = std::env::var(ContainerPlan::VARIABLE).map_err(|_| unreadable())?;
    let plan: ContainerPlan = serde_json::from_str(&text).map_err(|_| unreadable())?;
    // First of all: what is opened later takes other numbers.
    place_stream()?;
    let bounded = own_users()?;
    let rules = landlock::rules(&readable(), None)?;
    let (own, rlimits): (Vec<_>, Vec<_>) =
        settable(&plan.rlimits).partition(|(number, _)| enter::is_for_all(*number));
    let [stream, out] = STREAM;
    let start = GuestStart {
        stream,
        out: Some(out),
        own_zygote: plan.zygote.map(with_image),
        rlimits,
        memory_bytes_max: plan.memory_bytes_max,
        pids_max: plan.pids_max,
        ns: plan.ns,
        workspace: Some(plan.workspace),
        ..GuestStart::default()
    };
    let rules = rules.map(IntoRawFd::into_raw_fd);
    let steps = match bounded {
        true => enter::walls(&own, rules.is_some())?,
        false => enter::walls_without_bounds(&own, rules.is_some())?,
    };
    room::become_guest(&steps, rules, &room::strings(environment(&start))?)
}

/// A user namespace of its own, where the engine remapped no users and the kernel lets an ordinary user. There this
/// process is the one user of every sandbox. True when it has capabilities in it, which it has to drop.
fn own_users() -> Result<bool, Failed> {
    if rustix::process::getuid().as_raw() == inside::UID {
        return Ok(false);
    }
    let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    match sys::unshare_users() {
        Ok(()) => {}
        Err(Errno::PERM | Errno::ACCESS | Errno::NOSPC | Errno::NOSYS | Errno::INVAL) => return Ok(false),
        Err(errno) => return Err(Failed::at("make a user namespace")(errno)),
    }
    let id = inside::UID;
    let map = |file: &str, text: String| {
        std::fs::write(format!("/proc/self/{file}"), text).map_err(Failed::io(format!("write {file}")))
    };
    // Not every kernel has this file; one that wants it written first refuses the next.
    let _ = map("setgroups", "deny".to_owned());
    map("gid_map", format!("{id} {gid} 1"))?;
    map("uid_map", format!("{id} {uid} 1"))?;
    Ok(true)
}

/// The limits that this kernel lets anybody set, as far down as the engine has set them already.
fn settable(rlimits: &[(u32, u64)]) -> impl Iterator<Item = (u32, u64)> {
    rlimits.iter().filter_map(|(number, value)| {
        let (soft, hard) = sys::limits(*number).ok()?;
        sys::limit_both(*number, soft, hard).ok().map(|()| (*number, *value.min(&hard)))
    })
}

/// What an image has is no secret: all its top directories may be read.
fn readable() -> Vec<String> {
    let entries = std::fs::read_dir("/").into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let ordinary = names.filter(|name| !SPECIAL.contains(&name.as_str())).map(|name| format!("/{name}"));
    ordinary.chain(OWN.map(str::to_owned)).collect()
}

/// Moves the stream away from standard input and output, which become `/dev/null`.
fn place_stream() -> Result<(), Failed> {
    let failed = || Failed::at("place the guest's stream");
    let opened = std::fs::File::options().read(true).write(true).open("/dev/null");
    let opened = opened.map_err(Failed::io("open /dev/null"))?;
    // Far away, and closed where it was: it may have one of the stream's numbers.
    let null = rustix::io::fcntl_dupfd_cloexec(&opened, FAR).map_err(failed())?;
    drop(opened);
    for (number, at) in STREAM.into_iter().enumerate() {
        sys::place(sys::borrow(number as RawFd), at).map_err(failed())?;
        sys::place(null.as_fd(), number as RawFd).map_err(failed())?;
    }
    Ok(())
}

/// What the image sets, beside what a sandbox sets itself.
fn of_image() -> BTreeMap<String, String> {
    let text = |os: std::ffi::OsString| os.into_string().ok();
    let all = std::env::vars_os().filter_map(|(name, value)| Some((text(name)?, text(value)?)));
    all.filter(|(name, _)| name != ContainerPlan::VARIABLE).collect()
}

/// A zygote has the image's environment below its own.
fn with_image(zygote: ZygotePlan) -> ZygotePlan {
    let mut env = of_image();
    env.extend(zygote.env);
    ZygotePlan { env: env.into_iter().collect(), ..zygote }
}

/// What the image sets, and what every sandbox has.
fn environment(start: &GuestStart) -> Vec<String> {
    let always = [
        (GuestStart::VARIABLE, serde_json::to_string(start).unwrap_or_default()),
        ("HOME", inside::HOME.to_owned()),
        ("USER", "user".to_owned()),
        ("LOGNAME", "user".to_owned()),
        ("TMPDIR", "/tmp".to_owned()),
    ];
    let mut env = of_image();
    env.entry("LANG".to_owned()).or_insert_with(|| "C.UTF-8".to_owned());
    env.extend(always.map(|(name, value)| (name.to_owned(), value)));
    env.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
}
