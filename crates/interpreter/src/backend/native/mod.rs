//! The native backend: rooms behind Linux's walls, and forks of a warm zygote.
//!
//! One jailer for each template (and set of imports); it makes the rooms. This folder speaks to it and keeps
//! the control groups; the walls themselves are the crate `jail`'s.

mod keeper;
mod tree;
mod users;

use super::{
    Backend, Check, Later, Measure, Preload, Probe, StartError, StartRequest, Started, TemplateRoot, driver,
};
use crate::template::{Build, Template};
use jail::Identity;
use jail::cgroup::Group;
use jail::probe::State;
use keeper::Keeper;
use protocol::{Isolation, Level, SandboxId, Strength, Wall};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime::RuntimeFlavor;

/// What all sandboxes of a jailer have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Kind {
    root: Option<PathBuf>,
    build: Option<Build>,
    preload: bool,
}

/// Sandboxes on this host's own kernel.
pub struct Native {
    data_dir: PathBuf,
    identity: Identity,
    keepers: Mutex<HashMap<Kind, Arc<Keeper>>>,
}

impl Native {
    /// A backend that keeps prepared drivers in `data_dir`. Starts nothing yet.
    pub fn new(data_dir: PathBuf) -> Native {
        std::thread::spawn(keeper::sweep);
        Native { data_dir, identity: Identity::detect(), keepers: Mutex::new(HashMap::new()) }
    }

    /// The jailer for a template, started when there is none or the last one ended.
    fn keeper(&self, template: Option<&TemplateRoot>, preload: Preload) -> Result<Arc<Keeper>, StartError> {
        let root = template.map(|found| found.root.clone());
        let kind =
            Kind { root, build: template.and_then(Template::build), preload: preload == Preload::Full };
        let mut keepers = self.keepers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(keeper) = keepers.get(&kind).filter(|keeper| keeper.is_alive()) {
            return Ok(keeper.clone());
        }
        let driver = driver::prepare(&self.data_dir, template)?;
        let tree = tree::plan(&self.identity, template, &driver);
        let imports =
            template.map(|found| if kind.preload { found.preload.join(",") } else { String::new() });
        let keeper = Arc::new(Keeper::start(tree, imports)?);
        // Sandboxes of an older build keep their jailer; no more of them are made.
        keepers.retain(|other, _| other.root != kind.root || other.build == kind.build);
        keepers.insert(kind, keeper.clone());
        Ok(keeper)
    }

    fn begin(&self, request: &StartRequest) -> Result<Started, StartError> {
        let keeper = self.keeper(request.template.as_ref(), request.preload)?;
        let (stream, room) = keeper.start_room(request)?;
        let mut walls = Vec::new();
        if room.group.is_some() {
            walls.push(Wall::Cgroup);
        }
        if room.own_uid {
            walls.push(Wall::OwnUid);
        }
        let isolation = Isolation {
            backend: "native".into(),
            level: Level::SharedKernel,
            strength: Strength::Weak,
            walls,
            missing: Vec::new(),
        };
        let guard = Guard { keeper, room: request.sandbox.clone(), group: room.group };
        Ok(Started {
            stream: Box::new(stream),
            guard: Box::new(guard),
            isolation,
            zygote: request.template.is_some(),
            bash: "/usr/bin/bash".into(),
            node: crate::system::node()
                .map_or_else(|| "/usr/bin/node".into(), |path| path.display().to_string()),
        })
    }
}

impl Backend for Native {
    fn name(&self) -> &'static str {
        "native"
    }

    fn start(&self, request: StartRequest) -> Later<'_, Result<Started, StartError>> {
        Box::pin(async move {
            match tokio::runtime::Handle::current().runtime_flavor() {
                RuntimeFlavor::MultiThread => tokio::task::block_in_place(|| self.begin(&request)),
                _ => self.begin(&request),
            }
        })
    }

    fn probe(&self) -> Probe {
        let facts = jail::probe::report();
        let usable = facts.iter().all(|fact| fact.state != State::Missing || !fact.required);
        let checks = facts.into_iter().map(|fact| Check {
            name: fact.title.into_owned(),
            holds: fact.state == State::Ok,
            needed: fact.required,
            found: fact.detail,
            remedy: fact.fix,
        });
        let walls = if usable { Wall::ALL.to_vec() } else { Vec::new() };
        Probe {
            backend: "native".into(),
            usable,
            level: Level::SharedKernel,
            walls,
            checks: checks.collect(),
        }
    }
}

/// Ends the room on drop.
struct Guard {
    keeper: Arc<Keeper>,
    room: SandboxId,
    group: Option<Arc<Group>>,
}

impl super::Guard for Guard {
    fn measure(&self) -> Measure {
        let Some(group) = &self.group else { return Measure::default() };
        Measure {
            cpu_ms: group.cpu_us().map(|us| us as f64 / 1000.0),
            memory_peak_bytes: group.memory_peak_bytes(),
            oom_kills: group.oom_kills(),
        }
    }

    fn taken(&self) {
        self.group.iter().for_each(|group| group.give_way(false));
    }

    fn memory_bytes(&self) -> Option<u64> {
        self.group.as_ref()?.memory_bytes()
    }

    fn is_whole(&self) -> bool {
        self.keeper.is_alive()
    }

    fn failure(&self) -> Option<String> {
        self.keeper.failure(&self.room)
    }

    fn group(&self) -> Option<Arc<Group>> {
        self.group.clone()
    }

    fn branch(&self, number: u32) -> Option<Later<'static, Result<(), String>>> {
        let made = self.keeper.branch(&self.room, number);
        Some(Box::pin(async move { made.await.unwrap_or_else(|_| Err("the sandbox is gone".to_owned())) }))
    }

    fn unbranch(&self, number: u32) {
        self.keeper.unbranch(&self.room, number);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Its processes take milliseconds to end, for which nobody waits.
        self.group.iter().for_each(|group| group.give_way(true));
        self.keeper.end_room(&self.room);
    }
}
