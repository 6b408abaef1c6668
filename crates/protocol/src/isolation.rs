//! What a backend honestly promises on this host.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// What separates a sandbox from the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// The host's kernel, behind namespaces and filters.
    SharedKernel,
    /// A kernel in user space (gVisor).
    UserKernel,
    /// A WebAssembly engine.
    Wasm,
    /// A virtual machine.
    Vm,
    /// Another machine.
    Remote,
}

/// How complete the walls of a level are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Strength {
    /// Something important is missing, such as memory limits.
    Weak,
    /// All that must be there is there.
    Standard,
    /// Every wall that Belljar knows is up.
    Full,
}

/// One wall of the native jail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Wall {
    UserNs,
    MountNs,
    PidNs,
    NetNs,
    IpcNs,
    UtsNs,
    CgroupNs,
    /// Memory, pids and CPU are limited by a control group.
    Cgroup,
    /// A kernel user that is not the server's, and that no other sandbox of the same jailer has.
    OwnUid,
    Seccomp,
    Landlock,
    NoNewPrivs,
    CapsDropped,
}

impl Wall {
    /// Every wall, in the order in which they are listed.
    pub const ALL: [Wall; 13] = [
        Wall::UserNs,
        Wall::MountNs,
        Wall::PidNs,
        Wall::NetNs,
        Wall::IpcNs,
        Wall::UtsNs,
        Wall::CgroupNs,
        Wall::Cgroup,
        Wall::OwnUid,
        Wall::Seccomp,
        Wall::Landlock,
        Wall::NoNewPrivs,
        Wall::CapsDropped,
    ];
}

impl fmt::Display for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = serde_json::to_value(self).map_err(|_| fmt::Error)?;
        f.write_str(json.as_str().unwrap_or_default())
    }
}

/// What held while code ran: read back from the kernel, not assumed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Isolation {
    /// The backend's name.
    pub backend: String,
    /// What separates the sandbox from the host.
    pub level: Level,
    /// How complete the walls are.
    pub strength: Strength,
    /// The walls that are up.
    pub walls: Vec<Wall>,
    /// The walls that could not be raised here.
    pub missing: Vec<Wall>,
}

impl Isolation {
    /// True when this isolation is at least what `require` asks for.
    pub fn meets(&self, require: Require) -> bool {
        match require {
            Require::Level(level) => self.level >= level,
            Require::Strength(strength) => self.strength >= strength,
        }
    }
}

/// What a caller asks for at least: a level or a strength.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Require {
    /// At least this level.
    Level(Level),
    /// At least this strength.
    Strength(Strength),
}

/// A word that names neither a level nor a strength.
#[derive(Debug, thiserror::Error)]
#[error(
    "require {0:?}: expected a level (shared-kernel, user-kernel, wasm, vm, remote) or a strength (weak, standard, full)"
)]
pub struct UnknownRequire(pub String);

impl FromStr for Require {
    type Err = UnknownRequire;
    fn from_str(text: &str) -> Result<Self, UnknownRequire> {
        let word = serde_json::Value::String(text.to_owned());
        if let Ok(level) = serde_json::from_value(word.clone()) {
            return Ok(Require::Level(level));
        }
        let strength = serde_json::from_value(word).map(Require::Strength);
        strength.map_err(|_| UnknownRequire(text.to_owned()))
    }
}
