//! Contexts that fork, and contexts that are forks.

use super::{Context, Ground};
use crate::processes::Root;
use crate::settings::Place;
use crate::watch::fair_bytes;
use protocol::ForkReport;
use protocol::driver::ToDriver;
use protocol::guest::{ContextMemory, Reply, Streams, Transfer};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Instant;

impl Context {
    /// Makes it a fork of another context, with places of its own.
    pub fn with_place(mut self, place: Rc<Place>) -> Context {
        self.place = place;
        self.branch = true;
        self
    }

    /// Whether it can be forked now: it is up and nothing runs or waits in it.
    pub fn may_fork(&self) -> bool {
        let idle = self.running.is_none() && self.finishing.is_none() && self.queue.is_empty();
        self.ready && idle && self.ending.is_none() && self.forking.is_none() && self.forks_itself()
    }

    /// Whether it is a state to go back to: a fork that has run nothing yet.
    pub fn rests(&self) -> bool {
        self.branch && !self.used && self.may_fork()
    }

    /// What memory its processes have.
    pub fn memory(&self) -> ContextMemory {
        let processes = self.root.map(Root::alive).unwrap_or_default();
        let bytes = processes.iter().filter_map(|pid| fair_bytes(*pid)).sum();
        ContextMemory { processes, bytes }
    }

    /// Whether its driver knows how to fork.
    fn forks_itself(&self) -> bool {
        self.streams == Streams::PerExecution && self.forked
    }

    /// Tells the driver to fork; what it says of that goes to the host as `transfer`. False when it does not listen.
    pub fn fork(&mut self, transfer: Transfer, order: &ToDriver, fds: Vec<OwnedFd>, now: Instant) -> bool {
        self.forking = Some(transfer);
        let told = self.driving.execute(order, b"", fds) && self.driving.flush();
        if !told {
            self.die(now).closed = true;
        }
        told
    }

    pub(super) fn hear_forked(&mut self, payload: Option<Vec<u8>>, ground: &mut Ground) -> bool {
        let Some(transfer) = self.forking.take() else { return false };
        let payload = payload.filter(|payload| serde_json::from_slice::<ForkReport>(payload).is_ok());
        let Some(payload) = payload else { return false };
        ground.host.send_owned(&Reply::Chunk { transfer }, payload);
        ground.host.send(&Reply::Done { transfer }, b"");
        self.begin_next(ground);
        true
    }
}
