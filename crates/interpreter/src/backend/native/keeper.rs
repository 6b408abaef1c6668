//! This process's side of a keeper and its jailer: rooms asked for, rooms ended, what became of them.

use super::tree;
use super::users::Block;
use crate::backend::{StartError, StartRequest, owner, zygote};
use jail::cgroup::{Cgroups, Group};
use jail::control::{FromJailer, ToJailer};
use jail::plan::{KeeperPlan, RoomPlan};
use protocol::SandboxId;
use rustix::fs::MemfdFlags;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use std::collections::{BTreeSet, HashMap};
use std::io::{Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

static GUEST: &[u8] = include_bytes!(env!("BELLJAR_GUEST"));
/// Control groups of all host processes begin with this.
const PREFIX: &str = "belljar-";
const ZYGOTE: &str = "python";
/// How long a dead sandbox's control group may take to become empty.
const PATIENCE: Duration = Duration::from_secs(5);

/// A jailer that was started, and everything that it made.
pub(super) struct Keeper {
    control: OwnedFd,
    groups: Option<Cgroups>,
    /// What sandboxes may read beside the usual.
    readable: Vec<String>,
    zygote: bool,
    shared: Arc<Shared>,
}

/// A room that was asked for.
pub(super) struct Room {
    /// Its control group.
    pub group: Option<Arc<Group>>,
    /// Whether no other sandbox is the same kernel user.
    pub own_uid: bool,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    ready: bool,
    /// Why nothing can be made any more.
    ended: Option<String>,
    rooms: HashMap<SandboxId, (Option<Arc<Group>>, u32)>,
    slots: BTreeSet<u32>,
    /// Why rooms never came up, until they are ended.
    failures: HashMap<SandboxId, String>,
    /// Who waits for the trees of branches.
    branches: HashMap<(SandboxId, u32), oneshot::Sender<Result<(), String>>>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keeper {
    /// Starts a keeper for a tree; `imports` are the modules of its zygote, if it is to have one.
    ///
    /// # Errors
    /// The first wall that this host does not give, with what helps.
    pub(super) fn start(mut plan: KeeperPlan, imports: Option<String>) -> Result<Keeper, StartError> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let groups = Cgroups::open(&format!("{PREFIX}{}-{number}", owner::own_name()));
        if let Some(groups) = &groups {
            plan.join = groups.keeper_files();
            plan.leave = groups.home_files();
            plan.cgroups = groups.directories();
        }
        let failed = |step: &str| {
            let step = step.to_owned();
            move |errno: std::io::Error| broken(&step, errno.raw_os_error().unwrap_or(0))
        };
        let (control, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
                .map_err(|errno| broken("make a pair of sockets", errno.raw_os_error()))?;
        let program = program().map_err(failed("keep the guest program in memory"))?;
        let child = Command::new(format!("/proc/self/fd/{}", program.as_raw_fd()))
            .arg0("belljar-keeper")
            .arg("keeper")
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(failed("start the keeper"))?;
        let errors = memory("belljar-zygote-errors").map_err(failed("keep the zygote's messages"))?;
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new() });
        let keeper =
            Keeper { control, groups, readable: tree::readable(&plan), zygote: imports.is_some(), shared };
        let users = Block::claim(&plan.identity);
        keeper.shared.lock().slots = users.slots;
        let hold: Vec<BorrowedFd> = users.hold.iter().map(AsFd::as_fd).collect();
        keeper.send(&plan, &hold).map_err(failed("tell the keeper its plan"))?;
        if let Some(imports) = imports {
            let errors = errors.as_fd();
            keeper
                .send(
                    &ToJailer::Zygote { name: ZYGOTE.into(), program: zygote::plan(&[], &imports) },
                    &[errors],
                )
                .map_err(failed("ask for a zygote"))?;
        }
        let listener = keeper.control.try_clone().map_err(failed("listen to the jailer"))?;
        let shared = keeper.shared.clone();
        std::thread::spawn(move || listen(&listener, &shared, child, errors));
        keeper.wait_until_ready()?;
        Ok(keeper)
    }

    fn send<T: serde::Serialize>(&self, message: &T, fds: &[BorrowedFd<'_>]) -> std::io::Result<()> {
        jail::send(self.control.as_fd(), message, fds).map_err(std::io::Error::from)
    }

    fn wait_until_ready(&self) -> Result<(), StartError> {
        let mut state = self.shared.lock();
        while !state.ready && state.ended.is_none() {
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        match &state.ended {
            None => Ok(()),
            Some(message) => Err(walls_down(message.clone())),
        }
    }

    /// Whether rooms can still be made.
    pub(super) fn is_alive(&self) -> bool {
        self.shared.lock().ended.is_none()
    }

    /// Asks for a room; what goes wrong from here on closes the stream.
    ///
    /// # Errors
    /// No control group, no descriptors, or a jailer that is gone.
    pub(super) fn start_room(
        &self,
        request: &StartRequest,
    ) -> Result<(tokio::net::UnixStream, Room), StartError> {
        let (id, limits) = (&request.sandbox, &request.limits);
        let failed =
            |step: &'static str| move |error: std::io::Error| broken(step, error.raw_os_error().unwrap_or(0));
        let (ours, theirs) =
            std::os::unix::net::UnixStream::pair().map_err(failed("make a pair of sockets"))?;
        ours.set_nonblocking(true).map_err(failed("set a socket up"))?;
        let stream = tokio::net::UnixStream::from_std(ours).map_err(failed("set a socket up"))?;
        let group = match &self.groups {
            None => None,
            Some(groups) => {
                Some(Arc::new(groups.create(id.as_str(), limits).map_err(|error| StartError {
                    code: "cgroup",
                    message: format!("cannot {error}"),
                    hint: Some("`belljar doctor` tells more".into()),
                })?))
            }
        };
        if request.ahead {
            group.iter().for_each(|group| group.give_way(true));
        }
        let joins = group
            .as_ref()
            .map_or(Ok(Vec::new()), |group| group.joins())
            .map_err(failed("open a control group"))?;
        let plan = self.room_plan(request, group.clone());
        let fds: Vec<BorrowedFd> =
            std::iter::once(theirs.as_fd()).chain(joins.iter().map(AsFd::as_fd)).collect();
        let own_uid = plan.slot > 0;
        let asked = self.send(&ToJailer::Room { room: id.clone(), plan }, &fds);
        if let Err(error) = asked {
            forget(&self.shared, id);
            return Err(failed("ask for a room")(error));
        }
        Ok((stream, Room { group, own_uid }))
    }

    fn room_plan(&self, request: &StartRequest, group: Option<Arc<Group>>) -> RoomPlan {
        let limits = &request.limits;
        let mut state = self.shared.lock();
        // More sandboxes than kernel users, or only one user for all: slot 0 is shared.
        let slot = state.slots.pop_first().unwrap_or(0);
        let counted = group.is_some();
        state.rooms.insert(request.sandbox.clone(), (group, slot));
        RoomPlan {
            workspace: request.workspace.to_owned(),
            workspace_bytes: limits.disk_bytes,
            workspace_inodes: limits.inodes,
            scratch_bytes: limits.disk_bytes,
            rlimits: jail::rlimits(limits, counted),
            memory_bytes_max: (!counted).then_some(limits.memory_bytes),
            slot,
            zygote: self.zygote.then(|| ZYGOTE.to_owned()),
            readable: self.readable.clone(),
        }
    }

    /// Why a room never came up, or why none does any more.
    pub(super) fn failure(&self, id: &SandboxId) -> Option<String> {
        let state = self.shared.lock();
        state.failures.get(id).or(state.ended.as_ref()).cloned()
    }

    /// Asks for the tree of a branch; what comes of it comes later, and nothing where the room is gone.
    pub(super) fn branch(&self, id: &SandboxId, number: u32) -> oneshot::Receiver<Result<(), String>> {
        let (sender, made) = oneshot::channel();
        self.shared.lock().branches.insert((id.clone(), number), sender);
        if self.send(&ToJailer::Branch { room: id.clone(), number }, &[]).is_err() {
            self.shared.lock().branches.remove(&(id.clone(), number));
        }
        made
    }

    /// Lets go of the tree of a branch.
    pub(super) fn unbranch(&self, id: &SandboxId, number: u32) {
        // A jailer that does not answer any more has ended, and its rooms with it.
        let _ = self.send(&ToJailer::Unbranch { room: id.clone(), number }, &[]);
    }

    /// Kills a room. Its control group goes when its last process is gone.
    pub(super) fn end_room(&self, id: &SandboxId) {
        self.shared.lock().failures.remove(id);
        // A jailer that does not answer any more has ended, and its rooms with it.
        let _ = self.send(&ToJailer::End { room: id.clone() }, &[]);
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // The listening thread has a descriptor of its own: closing ours would tell the jailer nothing.
        let _ = rustix::net::shutdown(&self.control, rustix::net::Shutdown::Both);
    }
}

/// Hears the jailer out, then reaps the keeper.
fn listen(
    control: &OwnedFd,
    shared: &Arc<Shared>,
    mut child: std::process::Child,
    mut errors: std::fs::File,
) {
    let mut last_words = None;
    // A control group that does not become empty must not keep other news waiting.
    let (over, ended) = std::sync::mpsc::channel::<SandboxId>();
    let forgetting = shared.clone();
    std::thread::spawn(move || ended.iter().for_each(|room| forget(&forgetting, &room)));
    while let Ok(Some((message, _))) = jail::receive::<FromJailer>(control.as_fd()) {
        match message {
            FromJailer::Ready => shared.lock().ready = true,
            FromJailer::Broken { step, errno } => last_words = Some(broken(&step, errno).message),
            FromJailer::ZygoteReady { .. } => {}
            FromJailer::ZygoteEnded { message, .. } => {
                let mut said = String::new();
                let _ = errors.rewind().and_then(|()| errors.read_to_string(&mut said));
                let tail: Vec<&str> = said.lines().rev().take(20).collect();
                let tail: Vec<&str> = tail.into_iter().rev().collect();
                let why = format!("{message}\n{}", tail.join("\n")).trim_end().to_owned();
                // What comes after the first news of it only says that it is gone.
                shared.lock().ended.get_or_insert(why);
            }
            FromJailer::RoomFailed { room, step, errno } => {
                shared.lock().failures.insert(room, broken(&step, errno).message);
            }
            FromJailer::Branched { room, number, failed } => {
                let waits = shared.lock().branches.remove(&(room, number));
                let made = failed.map_or(Ok(()), |(step, errno)| Err(broken(&step, errno).message));
                if let Some(waits) = waits {
                    let _ = waits.send(made);
                }
            }
            FromJailer::RoomEnded { room, .. } => drop(over.send(room)),
        }
        shared.changed.notify_all();
    }
    let mut state = shared.lock();
    state.ended.get_or_insert(last_words.unwrap_or_else(|| "the jailer ended".to_owned()));
    state.rooms.clear();
    state.branches.clear();
    drop(state);
    shared.changed.notify_all();
    let _ = child.wait();
}

/// Removes what a room leaves behind; its kernel user is free again only after that.
fn forget(shared: &Shared, room: &SandboxId) {
    let Some((group, slot)) = shared.lock().rooms.remove(room) else { return };
    let gone = group.is_none_or(|group| group.remove(PATIENCE));
    if gone && slot > 0 {
        shared.lock().slots.insert(slot);
    }
}

fn memory(name: &str) -> std::io::Result<std::fs::File> {
    Ok(rustix::fs::memfd_create(name, MemfdFlags::CLOEXEC)?.into())
}

fn program() -> std::io::Result<std::fs::File> {
    let mut file = memory("belljar-guest")?;
    file.write_all(GUEST)?;
    // A file that is open for writing cannot be executed.
    std::fs::File::open(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

fn broken(step: &str, errno: i32) -> StartError {
    walls_down(format!("cannot {step}: {}", std::io::Error::from_raw_os_error(errno)))
}

fn walls_down(message: String) -> StartError {
    StartError {
        code: "walls",
        message,
        hint: Some("`belljar doctor` tells what this host lacks and how to give it".into()),
    }
}

/// Removes control groups of host processes that are gone.
pub(super) fn sweep() {
    jail::cgroup::sweep(PREFIX, &|rest| {
        let mut parts = rest.split('-');
        let (Some(pid), Some(start)) = (parts.next(), parts.next()) else { return true };
        owner::lives(pid, start)
    });
}
