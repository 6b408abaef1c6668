//! What a fork of a live context carries over, and what it does not.

use serde::{Deserialize, Serialize};

/// What came of a fork, as far as it is not in the variables.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ForkReport {
    /// Why there is no fork, where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<ForkRefusal>,
    /// Threads of libraries that only the parent has; libraries that are known to begin new ones are not counted.
    pub native_threads: u32,
    /// Processes that the parent started and that stay its own.
    pub processes: u32,
    /// Sockets that only the parent has; those of a fork are not connected.
    pub sockets: u32,
    /// Files that are open: parent and forks share each one's position.
    pub files: Vec<OpenFile>,
}

impl ForkReport {
    /// Whether a fork has all that its parent has, and shares nothing with it that moves.
    pub fn is_whole(&self) -> bool {
        self.refused.is_none()
            && (self.native_threads, self.processes, self.sockets) == (0, 0, 0)
            && self.files.is_empty()
    }
}

/// A file that is open in a context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OpenFile {
    /// Its path.
    pub path: String,
    /// Whether it is open for writing.
    pub writable: bool,
}

/// Why a context cannot be forked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ForkRefusal {
    /// For programs: `threads` (Python threads run), `library` (one that does not survive a fork), `memory`,
    /// `processes` (no further one may be), `error`.
    pub reason: String,
    /// For people; fits after "cannot fork …:".
    pub message: String,
}
