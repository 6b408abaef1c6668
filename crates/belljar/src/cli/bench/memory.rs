//! Memory of contexts that wait, beside Jupyter's kernels: of all processes, as the kernel counts it.

use super::peers::Jupyter;
use super::scene::{Scene, cannot};
use super::{Bench, Miss, Site};
use interpreter::{Error, FORKS_MAX, ForkRequest};
use measure::{Row, Target};
use protocol::Limits;
use std::path::{Path, PathBuf};

const CONTEXTS: usize = 100;
/// Room for all forks; what they share counts for each where there are no control groups.
const FORKS_BYTES: u64 = 16 << 30;
/// Kernels that are measured; memory that is theirs alone counts for each of a hundred, what they share once.
const KERNELS: usize = 5;
const KIB_PER_MIB: f64 = 1024.0;

pub async fn measure(bench: &mut Bench<'_>) {
    let kernels = kernels(bench.site);
    let row = |what| {
        Row::new(what, "MiB", Target::Ratio(0.05, 0.0))
            .against("100 Jupyter kernels with pandas (5 measured, scaled)")
    };
    let scene = Scene::open(bench, "data", Limits::default()).await;
    let alone = row("100 idle sandboxes, each with a context that has pandas");
    bench.row(alone, async |row| idle(row, sandboxes(scene).await, kernels.clone())).await;
    let limits = Limits { memory_bytes: FORKS_BYTES, ..Limits::default() };
    let scene = Scene::open(bench, "data", limits).await;
    let forks = row("100 idle contexts that have pandas, forks of one");
    bench.row(forks, async |row| idle(row, self::forks(scene).await, kernels)).await;
}

/// A sandbox for each context.
async fn sandboxes(scene: Result<Scene, Miss>) -> Result<Memory, Miss> {
    let scene = scene?;
    let mut contexts = Vec::new();
    for _ in 0..CONTEXTS {
        let context = scene.context().await?;
        scene.run(&context, "import pandas").await?;
        contexts.push(context);
    }
    let ours = Memory::of(&below(std::process::id()));
    for context in contexts {
        context.sandbox().destroy().await;
    }
    ours
}

/// One sandbox, one context, and its forks.
async fn forks(scene: Result<Scene, Miss>) -> Result<Memory, Miss> {
    let scene = scene?;
    let context = scene.context().await?;
    scene.run(&context, "import pandas").await?;
    let mut forks = Vec::new();
    while forks.len() < CONTEXTS - 1 {
        let count = FORKS_MAX.min(CONTEXTS - 1 - forks.len());
        let request = ForkRequest { count, ..ForkRequest::default() };
        match context.fork(request).await {
            Ok(forked) => forks.extend(forked.contexts),
            Err(error @ Error::ForkUnsupported { .. }) => return Err(Miss::LeftOut(cannot(error))),
            Err(error) => return Err(Miss::Failed(cannot(error))),
        }
    }
    let ours = Memory::of(&below(std::process::id()));
    context.sandbox().destroy().await;
    ours
}

fn idle(row: &mut Row, ours: Result<Memory, Miss>, kernels: Result<f64, Miss>) -> Result<(), Miss> {
    row.ours.take(Ok(ours?.proportional_kib as f64 / KIB_PER_MIB));
    row.peers(Ok(kernels?));
    Ok(())
}

/// What as many kernels have, in MiB.
fn kernels(site: &Site) -> Result<f64, Miss> {
    let Memory { proportional_kib, private_kib } = Jupyter::open(site)?.memory(KERNELS)?;
    let shared_kib = proportional_kib.saturating_sub(private_kib);
    let all_kib = private_kib * (CONTEXTS / KERNELS) as u64 + shared_kib;
    Ok(all_kib as f64 / KIB_PER_MIB)
}

/// Memory of several processes.
#[derive(Default)]
pub struct Memory {
    /// What several processes share counts for each of them in part.
    pub proportional_kib: u64,
    /// What each has alone.
    pub private_kib: u64,
}

impl Memory {
    /// Adds up that of these processes.
    pub fn of(processes: &[u32]) -> Result<Memory, Miss> {
        let mut memory = Memory::default();
        for pid in processes {
            let path = PathBuf::from(format!("/proc/{pid}/smaps_rollup"));
            let text = match std::fs::read_to_string(&path) {
                Ok(text) => text,
                Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                    let why = "only root may look at the memory of processes of other kernel users";
                    return Err(Miss::LeftOut(why.to_owned()));
                }
                // It ended meanwhile.
                Err(_) => continue,
            };
            let sum = |name: &str| -> u64 {
                let lines = text.lines().filter(|line| line.starts_with(name));
                lines.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).sum()
            };
            memory.proportional_kib += sum("Pss:");
            memory.private_kib += sum("Private_");
        }
        Ok(memory)
    }
}

/// All processes below one: the keeper, the zygote, and all that is in the sandboxes.
fn below(ancestor: u32) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| is_below(*pid, ancestor)).collect()
}

fn is_below(pid: u32, ancestor: u32) -> bool {
    let mut next = parent(pid);
    while let Some(pid) = next.filter(|pid| *pid > 0) {
        if pid == ancestor {
            return true;
        }
        next = parent(pid);
    }
    false
}

fn parent(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}
