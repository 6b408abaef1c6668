//! What the guest is started with: descriptors by number and facts for checking walls, in one variable.

use crate::wire::Host;
use crate::zygote::Zygote;
use jail::control::GuestStart;
use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, FdFlags};
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::rc::Rc;

const VARIABLE: &str = GuestStart::VARIABLE;

/// The guest was started wrongly.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// No variable.
    #[error("read {VARIABLE}: it is not set")]
    Missing,
    /// Not the expected JSON.
    #[error("read {VARIABLE}: {0}")]
    Malformed(#[from] serde_json::Error),
    /// A descriptor or directory is not there.
    #[error("use {what}: {errno}")]
    Absent {
        /// Which one.
        what: String,
        /// Why.
        errno: Errno,
    },
}

/// What the guest works with.
pub struct Settings {
    /// Landlock ruleset for forks of the zygote.
    pub landlock: Option<OwnedFd>,
    /// A procfs that shows all processes of the sandbox; `/proc` may hide those behind other Landlock rules.
    pub processes: Option<OwnedFd>,
    /// Control groups that user code's processes join.
    pub join: Vec<OwnedFd>,
    /// Resource limits of user code's processes: number and value.
    pub rlimits: Vec<(u32, u64)>,
    /// Memory that everything in the sandbox may use together, where the guest has to watch it, in bytes.
    pub memory_bytes_max: Option<u64>,
    /// Processes and threads at once, where the guest has to watch them.
    pub pids_max: Option<u32>,
    /// Inode numbers of the namespaces outside.
    pub ns: BTreeMap<String, u64>,
    /// The sandbox's own environment.
    pub env: Vec<(String, String)>,
    /// Where user code keeps files.
    pub workspace: String,
    /// The places of everything but branches.
    pub place: Rc<Place>,
}

/// Where a context or command works.
pub struct Place {
    /// The directory where it keeps files.
    pub workspace: OwnedFd,
    /// Its directory for temporary files, as it calls it.
    pub tmp: String,
    /// What comes before that for everybody else.
    pub root: String,
}

impl Place {
    /// The places below a root.
    pub fn open(root: String, workspace: &str, tmp: String) -> Result<Rc<Place>, Errno> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let workspace = rustix::fs::open(format!("{root}{workspace}"), flags, Mode::empty())?;
        Ok(Rc::new(Place { workspace, tmp, root }))
    }
}

/// The settings, the host, and the zygote.
pub fn read() -> Result<(Settings, Host, Zygote), SettingsError> {
    let text = std::env::var(VARIABLE).map_err(|_| SettingsError::Missing)?;
    let given: GuestStart = serde_json::from_str(&text)?;
    let absent = |what: &str| {
        let what = what.to_owned();
        move |errno| SettingsError::Absent { what, errno }
    };
    let stream = adopt("stream", given.stream)?;
    let out = match given.out {
        Some(number) => adopt("out", number)?,
        None => rustix::io::fcntl_dupfd_cloexec(&stream, 3).map_err(absent("the stream"))?,
    };
    let host = Host::new(stream, out).map_err(absent("the stream"))?;
    let zygote = match given.own_zygote {
        Some(program) => Zygote::own(program),
        None => {
            let socket = given.zygote.map(|number| adopt("zygote", number)).transpose()?;
            Zygote::outside(socket).map_err(absent("the zygote's socket"))?
        }
    };
    let env = std::env::vars_os()
        .map(|(name, value)| {
            let text = |os: std::ffi::OsString| protocol::path::from_bytes(os.as_encoded_bytes());
            (text(name), text(value))
        })
        .filter(|(name, _)| name != VARIABLE);
    let workspace = given.workspace.unwrap_or_else(|| jail::plan::inside::WORKSPACE.to_owned());
    let tmp = given.tmp.unwrap_or_else(|| "/tmp".to_owned());
    let place = Place::open(String::new(), &workspace, tmp).map_err(absent(&workspace))?;
    let settings = Settings {
        landlock: given.landlock.map(|number| adopt("landlock", number)).transpose()?,
        processes: given.processes.map(|number| adopt("processes", number)).transpose()?,
        join: given.join.iter().map(|number| adopt("join", *number)).collect::<Result<_, _>>()?,
        ns: given.ns,
        rlimits: given.rlimits,
        memory_bytes_max: given.memory_bytes_max,
        pids_max: given.pids_max,
        env: env.collect(),
        workspace,
        place,
    };
    Ok((settings, host, zygote))
}

/// Takes a descriptor; children shall not have it.
fn adopt(what: &str, number: i32) -> Result<OwnedFd, SettingsError> {
    let absent = |errno| SettingsError::Absent { what: format!("descriptor {number} as {what}"), errno };
    if number < 3 {
        return Err(absent(Errno::BADF));
    }
    let fd = jail::adopt(number);
    rustix::io::fcntl_setfd(&fd, FdFlags::CLOEXEC).map_err(absent)?;
    Ok(fd)
}

impl Settings {
    /// The sandbox's environment with a context's or command's own on top.
    pub fn env_with(&self, own: &BTreeMap<String, String>) -> Vec<(String, String)> {
        let kept = self.env.iter().filter(|(name, _)| !own.contains_key(name)).cloned();
        kept.chain(own.iter().map(|(name, value)| (name.clone(), value.clone()))).collect()
    }
}
