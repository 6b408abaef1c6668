//! The jailer: pid 1 of the outer namespaces. Makes rooms, starts zygotes, reaps.
//!
//! It first puts itself behind the shared tree. It runs nothing that a user wrote and parses nothing that a
//! sandbox said. When it ends, the kernel ends everything below it.

use crate::control::{FromJailer, ToJailer, ZygotePlan};
use crate::plan::{KeeperPlan, RoomPlan};
use crate::room::{self, Given};
use crate::{Failed, branch, enter, identity, packet, seccomp, spawn, sys, tree};
use protocol::SandboxId;
use protocol::zygote::{FromZygote, ToZygote};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{WaitOptions, wait};
use std::collections::BTreeMap;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

struct Room {
    pid: i32,
    pidfd: OwnedFd,
    /// Says why the room never came up; gone once the guest has started.
    report: Option<OwnedFd>,
    plan: RoomPlan,
}

struct Zygote {
    pid: i32,
    socket: OwnedFd,
}

struct Jailer<'a> {
    control: BorrowedFd<'a>,
    outside: BTreeMap<String, u64>,
    rooms: BTreeMap<SandboxId, Room>,
    zygotes: BTreeMap<String, Zygote>,
}

/// Runs the jailer; returns its exit code.
pub(crate) fn main(plan: &KeeperPlan, control: &OwnedFd, go: std::io::PipeReader) -> i32 {
    let started = settle(plan, go).and_then(|()| room::namespaces());
    let outside = match started {
        Ok(outside) => outside,
        Err(failed) => {
            let broken = FromJailer::Broken { step: failed.step, errno: failed.errno };
            let _ = packet::send(control.as_fd(), &broken, &[]);
            return 0;
        }
    };
    let mut jailer =
        Jailer { control: control.as_fd(), outside, rooms: BTreeMap::new(), zygotes: BTreeMap::new() };
    match jailer.serve() {
        Ok(()) => 0,
        Err(_) => 1,
    }
}

/// Puts this process behind the shared tree.
fn settle(plan: &KeeperPlan, mut go: std::io::PipeReader) -> Result<(), Failed> {
    let mut mapped = [0];
    if go.read(&mut mapped).map_err(Failed::io("wait for the user map"))? == 0 {
        return Err(Failed { step: "map the users of the outer namespace".into(), errno: libc::EPERM });
    }
    // Taken while the host's own user may still look at them.
    let taken = tree::take(plan)?;
    if plan.identity.slots() > 0 {
        rustix::thread::set_thread_groups(&[]).map_err(Failed::at("drop the supplementary groups"))?;
    }
    identity::become_user(0)?;
    // Changing users made this process's own /proc files root's.
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::Dumpable)
        .map_err(Failed::at("own one's /proc files"))?;
    sys::die_with_parent().map_err(Failed::at("be told of the keeper's end"))?;
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    tree::enter(plan, taken)?;
    rustix::system::sethostname(b"belljar").map_err(Failed::at("set the host name"))
}

impl Jailer<'_> {
    fn tell(&self, message: &FromJailer) {
        // A host process that is gone is noticed when its end of the socket closes.
        let _ = packet::send(self.control, message, &[]);
    }

    fn serve(&mut self) -> Result<(), Errno> {
        let children = sys::child_signals()?;
        self.tell(&FromJailer::Ready);
        // Rooms are copies of this process: they find the filters made. What is wrong with them, every room tells.
        let _ = seccomp::programs();
        loop {
            let (mut asked, mut died) = (false, false);
            let (mut reports, mut zygotes) = (Vec::new(), Vec::new());
            {
                let mut fds =
                    vec![PollFd::new(&self.control, PollFlags::IN), PollFd::new(&children, PollFlags::IN)];
                let waiting: Vec<_> =
                    self.rooms.iter().filter_map(|(id, room)| Some((id, room.report.as_ref()?))).collect();
                fds.extend(waiting.iter().map(|(_, report)| PollFd::new(*report, PollFlags::IN)));
                fds.extend(self.zygotes.values().map(|zygote| PollFd::new(&zygote.socket, PollFlags::IN)));
                match poll(&mut fds, None) {
                    Err(Errno::INTR) => continue,
                    result => result?,
                };
                let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
                (asked, died) = (asked | ready[0], died | ready[1]);
                let (of_rooms, of_zygotes) = ready[2..].split_at(waiting.len());
                reports.extend(
                    waiting
                        .iter()
                        .zip(of_rooms)
                        .filter(|(_, ready)| **ready)
                        .map(|((id, _), _)| (*id).clone()),
                );
                zygotes.extend(
                    self.zygotes
                        .keys()
                        .zip(of_zygotes)
                        .filter(|(_, ready)| **ready)
                        .map(|(name, _)| name.clone()),
                );
            }
            reports.iter().for_each(|id| self.hear_room(id));
            zygotes.iter().for_each(|name| self.hear_zygote(name));
            if died {
                let mut buffer = [0u8; 512];
                let _ = rustix::io::read(&children, &mut buffer);
                self.reap();
            }
            if asked && !self.obey() {
                return Ok(());
            }
        }
    }

    /// Takes one request; false when the host process is gone.
    fn obey(&mut self) -> bool {
        match packet::receive::<ToJailer>(self.control) {
            Ok(None) => return false,
            Ok(Some((ToJailer::Zygote { name, program }, fds))) => self.start_zygote(name, &program, fds),
            Ok(Some((ToJailer::Room { room, plan }, fds))) => {
                if let Err(failed) = self.start_room(&room, &plan, fds) {
                    self.tell(&FromJailer::RoomFailed { room, step: failed.step, errno: failed.errno });
                }
            }
            Ok(Some((ToJailer::Branch { room, number }, _))) => {
                let made = match self.rooms.get(&room) {
                    Some(found) => branch::make(found.pidfd.as_fd(), number, &found.plan),
                    None => Err(Failed { step: "find the room".into(), errno: libc::ESRCH }),
                };
                let failed = made.err().map(|failed| (failed.step, failed.errno));
                self.tell(&FromJailer::Branched { room, number, failed });
            }
            Ok(Some((ToJailer::Unbranch { room, number }, _))) => {
                if let Some(found) = self.rooms.get(&room) {
                    // What cannot be removed goes with the room.
                    let _ = branch::remove(found.pidfd.as_fd(), number);
                }
            }
            Ok(Some((ToJailer::End { room }, _))) => {
                if let Some(found) = self.rooms.get(&room) {
                    let _ = sys::signal(found.pidfd.as_fd(), libc::SIGKILL);
                }
            }
            // A request that cannot be read is a difference of versions: nothing good can follow.
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(_) => return false,
        }
        true
    }

    fn start_room(&mut self, id: &SandboxId, plan: &RoomPlan, fds: Vec<OwnedFd>) -> Result<(), Failed> {
        let mut fds = fds.into_iter();
        let stream =
            fds.next().ok_or(Failed { step: "receive the guest's stream".into(), errno: libc::EBADF })?;
        let join: Vec<OwnedFd> = fds.collect();
        let copies: Vec<OwnedFd> = join.iter().filter_map(|fd| fd.try_clone().ok()).collect();
        let (ours, theirs) = packet::pair().map_err(Failed::at("make a pair of sockets"))?;
        let (report, writer) = std::io::pipe().map_err(Failed::io("make a pipe"))?;
        let (mut go, gone) = std::io::pipe().map_err(Failed::io("make a pipe"))?;
        let given = Given {
            stream,
            zygote: plan.zygote.as_ref().map(|_| theirs),
            join,
            outside: self.outside.clone(),
        };
        match sys::fork_into(room::NAMESPACES).map_err(Failed::at("make the room's namespaces"))? {
            sys::Fork::Child => {
                drop(gone);
                let mut mapped = [0];
                if go.read(&mut mapped).unwrap_or(0) == 0 {
                    sys::exit_now(127);
                }
                let Ok(report) = rustix::io::fcntl_dupfd_cloexec(&writer, room::REPORT) else {
                    sys::exit_now(127)
                };
                room::prepare(plan, given, report)
            }
            sys::Fork::Parent(pid, pidfd) => {
                drop(given);
                let pidfd =
                    pidfd.ok_or(Failed { step: "hold the room's process".into(), errno: libc::ENOSYS })?;
                let mapped = identity::map_room(pid, plan.slot);
                if mapped.is_ok() {
                    let _ = rustix::io::write(&gone, b"m");
                }
                let handles: Vec<BorrowedFd> =
                    [&pidfd, &ours].into_iter().chain(&copies).map(AsFd::as_fd).collect();
                self.announce(id, plan, &handles)?;
                let room = Room { pid, pidfd, report: Some(report.into()), plan: plan.clone() };
                self.rooms.insert(id.clone(), room);
                mapped
            }
        }
    }

    /// Tells the room's zygote of it: the room's pidfd, its socket, its control groups.
    fn announce(&self, id: &SandboxId, plan: &RoomPlan, handles: &[BorrowedFd<'_>]) -> Result<(), Failed> {
        let Some(zygote) = plan.zygote.as_ref().and_then(|name| self.zygotes.get(name)) else {
            return Ok(());
        };
        let joins = handles.len() - 2;
        let enter = enter::from_outside(plan, joins, sys::landlock_abi() > 0)?;
        let mut fds = vec!["room".to_owned(), "socket".to_owned()];
        fds.extend((0..joins).map(|number| format!("join{number}")));
        let message = ToZygote::Room { room: id.clone(), enter, fds };
        packet::send(zygote.socket.as_fd(), &message, handles)
            .map_err(Failed::at("tell the zygote of a room"))
    }

    fn start_zygote(&mut self, name: String, program: &ZygotePlan, fds: Vec<OwnedFd>) {
        let result = self.launch(program, &fds);
        match result {
            Ok(zygote) => {
                self.zygotes.insert(name, zygote);
            }
            Err(failed) => self.tell(&FromJailer::ZygoteEnded { name, message: failed.to_string() }),
        }
    }

    fn launch(&self, program: &ZygotePlan, fds: &[OwnedFd]) -> Result<Zygote, Failed> {
        let errors = fds.first().map(AsFd::as_fd);
        let (child, socket) = spawn::zygote(program, errors)?;
        Ok(Zygote { pid: child.pid, socket })
    }

    /// Reads what a new room's process reports: nothing, when its guest has started.
    fn hear_room(&mut self, id: &SandboxId) {
        let Some(report) = self.rooms.get_mut(id).and_then(|room| room.report.take()) else { return };
        let mut text = Vec::new();
        let _ = std::fs::File::from(report).take(4096).read_to_end(&mut text);
        if let Ok((step, errno)) = serde_json::from_slice(&text) {
            self.tell(&FromJailer::RoomFailed { room: id.clone(), step, errno });
        }
    }

    fn hear_zygote(&mut self, name: &str) {
        let Some(zygote) = self.zygotes.get(name) else { return };
        let heard = match packet::receive::<FromZygote>(zygote.socket.as_fd()) {
            // It ended with a room unread, which the kernel tells before its last words.
            Err(Errno::CONNRESET) => packet::receive(zygote.socket.as_fd()),
            heard => heard,
        };
        let name = name.to_owned();
        match heard {
            Ok(Some((FromZygote::Ready, _))) => self.tell(&FromJailer::ZygoteReady { name }),
            Ok(Some((FromZygote::Failed { message }, _))) => {
                self.tell(&FromJailer::ZygoteEnded { name, message })
            }
            Err(Errno::INTR | Errno::AGAIN) => {}
            Ok(None) | Err(_) => {
                self.zygotes.remove(&name);
                self.tell(&FromJailer::ZygoteEnded { name, message: "the zygote closed its socket".into() });
            }
        }
    }

    fn reap(&mut self) {
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            let pid = pid.as_raw_pid();
            let ended = self.rooms.iter().find(|(_, room)| room.pid == pid).map(|(id, _)| id.clone());
            if let Some(id) = ended {
                self.hear_room(&id);
                self.forget(id, status.as_raw());
            } else if let Some(name) =
                self.zygotes.iter().find(|(_, z)| z.pid == pid).map(|(name, _)| name.clone())
            {
                self.zygotes.remove(&name);
                let message = format!("the zygote ended with wait status {}", status.as_raw());
                self.tell(&FromJailer::ZygoteEnded { name, message });
            }
        }
    }

    fn forget(&mut self, id: SandboxId, status: i32) {
        let Some(room) = self.rooms.remove(&id) else { return };
        if let Some(zygote) = room.plan.zygote.and_then(|name| self.zygotes.get(&name)) {
            let _ = packet::send(zygote.socket.as_fd(), &ToZygote::Close { room: id.clone() }, &[]);
        }
        self.tell(&FromJailer::RoomEnded { room: id, status });
    }
}
