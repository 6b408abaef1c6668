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
        /// What it is.
        program: ZygotePlan,
    },
    /// Make a room. Descriptors: the stream to its guest, then the files to join its control groups.
    Room {
        /// The sandbox.
        room: SandboxId,
        /// Its walls.
        plan: RoomPlan,
    },
    /// Make the tree of a branch in a room; answered by `Branched`.
    Branch {
        /// The sandbox.
        room: SandboxId,
        /// Which of the sandbox's branches.
        number: u32,
    },
    /// Remove the tree of a branch, as soon as nothing uses it.
    Unbranch {
        /// The sandbox.
        room: SandboxId,
        /// Which.
        number: u32,
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
    /// A branch has its tree, or not.
    Branched {
        /// The sandbox.
        room: SandboxId,
        /// Which of its branches.
        number: u32,
        /// What was attempted, and the kernel's error number.
        failed: Option<(String, i32)>,
    },
    /// A room is gone, with every process that was in it.
    RoomEnded {
        /// The sandbox.
        room: SandboxId,
        /// Wait status of its guest.
        status: i32,
    },
}

/// A zygote as a program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ZygotePlan {
    /// Program and arguments, as seen inside.
    pub argv: Vec<String>,
    /// Its environment.
    pub env: Vec<(String, String)>,
}

/// What a guest is told at its start, in the environment variable [`GuestStart::VARIABLE`]. Descriptors are by number.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GuestStart {
    /// The stream to the host, or the half of it that is read.
    pub stream: i32,
    /// The half that is written, where it is another descriptor.
    pub out: Option<i32>,
    /// The socket to a zygote outside.
    pub zygote: Option<i32>,
    /// The zygote that the guest starts itself, where there is none outside.
    pub own_zygote: Option<ZygotePlan>,
    /// The Landlock rules.
    pub landlock: Option<i32>,
    /// A procfs that shows all processes of the sandbox.
    pub processes: Option<i32>,
    /// The files to join the control groups.
    pub join: Vec<i32>,
    /// Resource limits of the programs that it starts; the guest itself has only the first of them.
    pub rlimits: Vec<(u32, u64)>,
    /// Memory of the whole sandbox in bytes, where no control group holds that limit.
    pub memory_bytes_max: Option<u64>,
    /// Processes and threads at once, where the kernel does not hold that limit.
    pub pids_max: Option<u32>,
    /// Inode numbers of the namespaces outside, by their names in `/proc/self/ns`.
    pub ns: std::collections::BTreeMap<String, u64>,
    /// Where user code keeps files; `/workspace` where this is not said.
    pub workspace: Option<String>,
    /// The directory for temporary files; `/tmp` where this is not said.
    pub tmp: Option<String>,
}

impl GuestStart {
    /// The variable's name.
    pub const VARIABLE: &str = "BELLJAR_START";
}
