//! What a zygote is told and answers: one JSON object a packet, descriptors beside it.

use crate::{ContextId, SandboxId, step::Step};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Jailer to zygote.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum ToZygote {
    /// A room exists: whoever asks on its socket gets a fork inside it.
    Room {
        /// The sandbox.
        room: SandboxId,
        /// How a fork enters it.
        enter: Vec<Step>,
        /// Names of the descriptors that come along.
        fds: Vec<String>,
    },
    /// The room is gone.
    Close {
        /// The sandbox.
        room: SandboxId,
    },
}

/// Zygote to jailer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum FromZygote {
    /// Imports are done.
    Ready,
    /// Imports failed.
    Failed {
        /// Why.
        message: String,
    },
}

/// Guest to zygote, on the room's own socket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum ForkRequest {
    /// Make a context.
    Fork {
        /// The context.
        context: ContextId,
        /// Its working directory.
        cwd: String,
        /// Its environment, on top of the sandbox's own.
        env: BTreeMap<String, String>,
        /// Names of the descriptors that come along: `driver`, perhaps `landlock`.
        fds: Vec<String>,
        /// As for `ContextCreate`.
        #[serde(default)]
        ahead: bool,
    },
}

/// Zygote to guest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum ForkReply {
    /// The fork is on its way in.
    Forked {
        /// The context.
        context: ContextId,
    },
    /// There was no fork.
    ForkFailed {
        /// The context.
        context: ContextId,
        /// Error number, 0 where there is none.
        errno: i32,
        /// Why.
        message: String,
    },
    /// A fork ended.
    Exited {
        /// The context.
        context: ContextId,
        /// Wait status as the kernel gives it.
        status: i32,
    },
}
