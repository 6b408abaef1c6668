//! What every kind of wall costs: each backend and runtime that runs here, without a pool and from it, beside plain
//! containers of the same image through the same engine.

use crate::plain::Plain;
use crate::row::{self, Head, Pair};
use crate::scene::{Scene, full};
use crate::{PANDAS, PANDAS_PRINTS, SMALL, SMALL_PRINTS, memory, subject};
use interpreter::Warm;
use serde_json::json;

/// What is measured, by the names of `subject`.
const SUBJECTS: [&str; 4] = ["native", "oci_runc", "oci_runsc", "oci_podman"];
/// The subject whose engine makes the plain containers beside what has no engine.
const BESIDE: &str = "oci_runc";
/// A round trip takes little time, so there are more of them.
const LIVE_TIMES: usize = 10;
/// Imports take long where there is no pool.
const PANDAS_SHARE: usize = 2;
/// Sandboxes that live at once while memory is looked at.
const IDLE: usize = 4;
const WARM_UP: usize = 2;

/// One kind of wall.
struct Kind {
    subject: &'static str,
    /// As people call it.
    wall: String,
    samples: usize,
}

/// A workload: the template, what is run, and how the names of its rows end.
struct Work {
    template: &'static str,
    code: &'static str,
    prints: &'static str,
    suffix: &'static str,
}

const WORK: [Work; 2] = [
    Work { template: "python", code: SMALL, prints: SMALL_PRINTS, suffix: "" },
    Work { template: "data", code: PANDAS, prints: PANDAS_PRINTS, suffix: ", pandas" },
];

/// Prints all rows of all subjects whose names contain one of `wanted`; of one that cannot run here, why.
pub async fn measure(samples: usize, wanted: &[String]) {
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|word| name == word);
    for subject in SUBJECTS.into_iter().filter(|name| is_wanted(name)) {
        let kind = Kind { subject, wall: subject.replace('_', "+"), samples };
        if let Err(why) = kind.measure().await {
            println!("{}", json!({ "wall": kind.wall, "left_out": why }));
        }
    }
}

impl Kind {
    async fn measure(&self) -> Result<(), String> {
        if self.in_containers() && subject::settings(self.subject).engine.is_none() {
            return Err("no engine is named for it".into());
        }
        for work in &WORK {
            let scene = Scene::open(self.subject, work.template)?;
            let plain = self.plain(work).await?;
            let rounds = if work.suffix.is_empty() { self.samples } else { self.samples / PANDAS_SHARE };
            let stage = Stage { scene, plain, work, rounds };
            for _ in 0..WARM_UP {
                stage.scene.fresh(work.code, work.prints).await?;
            }
            self.print_turns("no pool", &stage, None).await;
            let warm = stage.scene.keep_warm(1)?;
            self.print_turns("from the pool", &stage, Some(&warm)).await;
            drop(warm);
            if work.suffix.is_empty() {
                let live = stage.live(self.samples * LIVE_TIMES).await;
                self.print("`1+1` in a live context", "ms", live);
            }
            self.print_memory(&stage).await;
        }
        Ok(())
    }

    fn in_containers(&self) -> bool {
        self.subject != "native"
    }

    /// Plain containers of the same image; none where no engine is named.
    async fn plain(&self, work: &Work) -> Result<Option<Plain>, String> {
        let subject = if self.in_containers() { self.subject } else { BESIDE };
        let settings = subject::settings(subject);
        let Some(socket) = settings.engine else { return Ok(None) };
        let image = Scene::open(subject, work.template)?.image().await?;
        Ok(Some(Plain::new(socket, settings.runtime, image)))
    }

    async fn print_turns(&self, how: &str, stage: &Stage<'_>, warm: Option<&Warm>) {
        let [create, first] = stage.turns(warm).await;
        let suffix = stage.work.suffix;
        self.print(&format!("create, {how}{suffix}"), "ms", Ok(create));
        self.print(&format!("create and first result, {how}{suffix}"), "ms", Ok(first));
    }

    async fn print_memory(&self, stage: &Stage<'_>) {
        let suffix = stage.work.suffix;
        let measured = stage.idle(self.in_containers()).await;
        let held = measured.as_ref().ok().and_then(|(_, beside)| beside.clone());
        self.print(&format!("an idle sandbox{suffix}"), "MiB", measured.map(|(inside, _)| pair(inside)));
        if let Some(beside) = held.filter(|_| suffix.is_empty()) {
            self.print("its shim on the host", "MiB", Ok(pair(beside)));
        }
    }

    fn print(&self, name: &str, unit: &str, measured: row::Measured) {
        row::print(&Head { wall: Some(&self.wall), name, unit, goal: None }, measured);
    }
}

fn pair(samples: Vec<f64>) -> Pair {
    let mut pair = Pair::default();
    samples.into_iter().for_each(|sample| pair.ours(Ok(sample)));
    pair
}

/// A scene with what runs in it and beside it.
struct Stage<'a> {
    scene: Scene,
    plain: Option<Plain>,
    work: &'a Work,
    rounds: usize,
}

impl Stage<'_> {
    /// Creation alone, creation up to the first result, and a plain container, in turns.
    async fn turns(&self, warm: Option<&Warm>) -> [Pair; 2] {
        let Work { code, prints, .. } = *self.work;
        let empty = || self.plain.as_ref().map_or_else(Pair::default, |plain| Pair::against(plain.name()));
        let [mut create, mut first] = [empty(), empty()];
        for _ in 0..self.rounds {
            create.ours(match full(warm).await {
                Ok(()) => self.scene.create().await,
                Err(why) => Err(why),
            });
            first.ours(match full(warm).await {
                Ok(()) => self.scene.fresh(code, prints).await,
                Err(why) => Err(why),
            });
            if let Some(plain) = &self.plain {
                // Whether or not it became full, the peer has its turn.
                let _ = full(warm).await;
                let sample = plain.run(code, prints).await;
                create.peers(sample.clone());
                first.peers(sample);
            }
        }
        [create, first]
    }

    /// Round trips in a context that lives.
    async fn live(&self, rounds: usize) -> row::Measured {
        let context = self.scene.context().await?;
        for _ in 0..WARM_UP * LIVE_TIMES {
            self.scene.one_and_one(&context).await?;
        }
        let mut pair = Pair::default();
        for _ in 0..rounds {
            pair.ours(self.scene.one_and_one(&context).await);
        }
        Ok(pair)
    }

    /// Memory of sandboxes whose only context has run the code and waits, and of what holds each of them on the host.
    async fn idle(&self, in_containers: bool) -> Result<(Vec<f64>, Option<Vec<f64>>), String> {
        let mut contexts = Vec::new();
        for _ in 0..IDLE {
            let context = self.scene.context().await?;
            self.scene.run(&context, self.work.code).await?;
            contexts.push(context);
        }
        let look = || -> Result<_, String> {
            let beside = if in_containers { Some(memory::holders_mib()?) } else { None };
            Ok((memory::proportional_mib(in_containers)?, beside))
        };
        let measured = tokio::task::block_in_place(look);
        for context in contexts {
            context.sandbox().destroy().await;
        }
        measured
    }
}
