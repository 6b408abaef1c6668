//! Guest ↔ driver. What a driver says is a claim: user code shares its process.

use crate::{ExecutionId, Wall};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Guest to driver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum ToDriver {
    /// Run the payload.
    Execute {
        /// The execution; every frame of it carries this id.
        execution: ExecutionId,
        /// Environment of this execution only; the driver puts back what each name had before.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        env: BTreeMap<String, String>,
    },
    /// The last bundle or error was taken.
    Ack,
    /// Fork. For each fork two descriptors come along: its own socket, and its tree.
    Fork {
        /// How often.
        count: u32,
        /// The places whose files each fork has copies of in its tree.
        places: Vec<String>,
        /// Keep the states of random generators.
        same_random: bool,
    },
}

/// How the driver says that a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriverStatus {
    /// It ran to its end.
    Ok,
    /// It raised.
    Error,
    /// It asked to exit with a code.
    Exit,
}

/// Driver to guest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum FromDriver {
    /// The driver is inside and ready.
    Hello {
        /// Its process id inside the sandbox.
        pid: i32,
        /// Walls that it checked on itself.
        walls: Vec<Wall>,
    },
    /// Entering failed.
    Failed {
        /// The step.
        step: String,
        /// Error number.
        errno: i32,
    },
    /// The execution was heard of: an interrupt is for it from now on, and before would be for nobody.
    Begun {
        /// The execution.
        execution: ExecutionId,
    },
    /// A result; the payload is a JSON object MIME → string.
    Bundle {
        /// The execution.
        execution: ExecutionId,
        /// True for the last expression's value.
        main: bool,
        /// Name for later updates.
        #[serde(default)]
        display_id: Option<String>,
        /// Replaces the earlier bundle of that name.
        #[serde(default)]
        update: bool,
    },
    /// The code raised; the payload is a [`Raised`].
    Error {
        /// The execution.
        execution: ExecutionId,
    },
    /// The forks are on their way, or are not; the payload is a [`crate::ForkReport`].
    Forked,
    /// The run ended.
    Done {
        /// The execution.
        execution: ExecutionId,
        /// How.
        status: DriverStatus,
        /// The exit code.
        exit_code: i32,
    },
}

/// An exception as the driver tells it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Raised {
    /// The exception's class.
    pub name: String,
    /// What it says.
    pub message: String,
    /// Lines, perhaps with ANSI colours.
    pub traceback: Vec<String>,
    /// The line in the cell.
    pub line: Option<u32>,
    /// Its `errno`, for operating-system errors.
    pub errno: Option<i32>,
    /// It was a syntax error.
    pub syntax: bool,
    /// It was a failed import.
    pub import: bool,
}
