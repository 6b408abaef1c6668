//! What the walls of one host process and of one sandbox are to be: data, printable, acted on elsewhere.

use crate::Identity;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Where things are inside a sandbox.
pub mod inside {
    /// Working directory of every context.
    pub const WORKSPACE: &str = "/workspace";
    /// Home of the one user.
    pub const HOME: &str = "/home/user";
    /// What Belljar brings along.
    pub const OWN: &str = "/.belljar";
    /// The guest program.
    pub const GUEST: &str = "/.belljar/guest";
    /// Where the trees of branches are, by their numbers.
    pub const BRANCHES: &str = "/.belljar/branches";
    /// Branches of one sandbox at once.
    pub const BRANCHES_MAX: u32 = 256;
    /// A file that Landlock must keep closed; opening it proves that it does.
    pub const PROBE: &str = "/.belljar/walls-probe";
    /// The one user and its group.
    pub const UID: u32 = 1000;
}

/// The tree that all sandboxes of one host process share, read-only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeeperPlan {
    /// Kernel users of the sandboxes.
    pub identity: Identity,
    /// Directories and files of the host, mounted read-only.
    pub binds: Vec<Bind>,
    /// Files that are made.
    pub files: Vec<File>,
    /// Symbolic links that are made: path and target.
    pub links: Vec<(String, String)>,
    /// Files to join control groups: the keeper joins them, so that its children are counted there.
    pub join: Vec<PathBuf>,
    /// Files by which the keeper itself goes back, once its children are where they belong.
    pub leave: Vec<PathBuf>,
    /// Directories of control groups that the keeper removes when all is over, with those below them.
    pub cgroups: Vec<PathBuf>,
}

/// A part of the host that is visible inside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bind {
    /// On the host.
    pub from: PathBuf,
    /// Inside; without symbolic links.
    pub to: String,
    /// Whether it is a directory.
    pub directory: bool,
}

/// A file of the shared tree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct File {
    /// Inside.
    pub path: String,
    /// Its bytes as text.
    pub content: String,
    /// Permission bits.
    pub mode: u32,
}

/// One sandbox.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoomPlan {
    /// Where user code keeps its files: `/workspace` or `/home/user`; the other one is a place like `/tmp`.
    pub workspace: String,
    /// Its size in bytes.
    pub workspace_bytes: u64,
    /// Files and directories in it.
    pub workspace_inodes: u64,
    /// Size of each of the other writable places in bytes.
    pub scratch_bytes: u64,
    /// Resource limits: number, and value for both soft and hard.
    pub rlimits: Vec<(u32, u64)>,
    /// Memory of the whole sandbox in bytes, where no control group holds that limit.
    pub memory_bytes_max: Option<u64>,
    /// Which of the identity's kernel users this sandbox is.
    pub slot: u32,
    /// The zygote whose forks live here.
    pub zygote: Option<String>,
    /// Directories besides `/usr` and `/etc` that may be read and executed.
    pub readable: Vec<String>,
}
