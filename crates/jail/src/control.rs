//! What the host process and its jailer say to each other: one JSON object a packet, descriptors beside it.

use crate::plan::RoomPlan;
use protocol::SandboxId;
use serde::{Deserialize, Serialize};

/// Host process to jailer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum ToJailer {
    /// Start a zygote; its standard error comes along as a descriptor.
    Zygote {
        /// Its name; rooms refer to it.
        name: String,
        /// Program and arguments, as seen inside.
        argv: Vec<String>,
        /// Its environment.
        env: Vec<(String, String)>,
    },
    /// Make a room. Descriptors: the stream to its guest, then the files to join its control groups.
    Room {
        /// The sandbox.
        room: SandboxId,
        /// Its walls.
        plan: RoomPlan,
    },
    /// Kill a room and all that is in it.
    End {
        /// The sandbox.
        room: SandboxId,
    },
}

/// Jailer to host process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum FromJailer {
    /// The shared tree stands; rooms can be made.
    Ready,
    /// The jailer could not put itself behind its walls, and ends.
    Broken {
        /// What was attempted.
        step: String,
        /// The kernel's error number.
        errno: i32,
    },
    /// A zygote has done its imports.
    ZygoteReady {
        /// Its name.
        name: String,
    },
    /// A zygote failed or ended.
    ZygoteEnded {
        /// Its name.
        name: String,
        /// Why.
        message: String,
    },
    /// A room never came up.
    RoomFailed {
        /// The sandbox.
        room: SandboxId,
        /// What was attempted.
        step: String,
        /// The kernel's error number.
        errno: i32,
    },
    /// A room is gone, with every process that was in it.
    RoomEnded {
        /// The sandbox.
        room: SandboxId,
        /// Wait status of its guest.
        status: i32,
    },
}

/// What a guest is told at its start, in the environment variable `BELLJAR_FDS`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct GuestFds {
    /// The stream to the host.
    pub stream: i32,
    /// The socket to the zygote.
    pub zygote: Option<i32>,
    /// The Landlock rules.
    pub landlock: Option<i32>,
    /// A procfs that shows all processes of the sandbox.
    pub processes: Option<i32>,
    /// The files to join the control groups.
    pub join: Vec<i32>,
    /// Resource limits of the programs that it starts; the guest itself has only the first of them.
    #[serde(default)]
    pub rlimits: Vec<(u32, u64)>,
    /// Memory of the whole sandbox in bytes, where no control group holds that limit.
    #[serde(default)]
    pub memory_bytes_max: Option<u64>,
    /// Inode numbers of the jailer's namespaces, by their names in `/proc/self/ns`.
    pub ns: std::collections::BTreeMap<String, u64>,
}
