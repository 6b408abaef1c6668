//! What a sandbox costs beside many others: beside one, and beside more and more of them.

use super::scene::{Scene, cannot, since};
use super::{Bench, Miss};
use interpreter::{Context, ContextRequest};
use measure::{Row, Target};
use protocol::Limits;
use std::sync::Arc;
use std::time::Instant;

const LEVELS: [usize; 3] = [10, 100, 400];
const ROUNDS: usize = 30;
const OPERATIONS: [&str; 3] =
    ["create a sandbox with a context", "`1+1` in a live context", "destroy a sandbox"];
/// What a small sandbox needs at most, in bytes.
const ROOM_BYTES: u64 = 16 << 20;

pub async fn measure(bench: &mut Bench<'_>) {
    let rounds = bench.rounds(ROUNDS);
    let scene = Scene::open(bench, "python", Limits::default()).await;
    bench.spinner.show("what a sandbox costs beside more and more others");
    let measured = grow(scene, rounds).await;
    bench.spinner.clear();
    for (at, operation) in OPERATIONS.into_iter().enumerate() {
        for (level, count) in LEVELS.into_iter().enumerate() {
            let row = Row::new(format!("{operation}, beside {count} others"), "ms", Target::Ratio(2.0, 0.0));
            let measured = &measured;
            bench
                .row(row.against("the same beside one other"), async |row| match measured {
                    Ok(taken) => {
                        taken[level + 1][at].iter().for_each(|sample| row.ours.take(Ok(*sample)));
                        taken[0][at].iter().for_each(|sample| row.peers(Ok(*sample)));
                        Ok(())
                    }
                    Err(Miss::LeftOut(why)) => Err(Miss::LeftOut(why.clone())),
                    Err(Miss::Failed(why)) => Err(Miss::Failed(why.clone())),
                })
                .await;
        }
    }
}

/// Samples of each operation.
type Taken = [Vec<f64>; 3];

/// Beside one other (before and after all the rest), then beside more and more.
async fn grow(scene: Result<Scene, Miss>, rounds: usize) -> Result<Vec<Taken>, Miss> {
    let scene = scene?;
    let most = LEVELS[LEVELS.len() - 1];
    let free = free_bytes();
    if free.is_some_and(|free| free < ROOM_BYTES * most as u64) {
        return Err(Miss::LeftOut(format!(
            "{most} sandboxes need {} of free memory",
            crate::render::terminal::size(ROOM_BYTES * most as u64)
        )));
    }
    let mut live = vec![scene.context().await?];
    operate(&scene, rounds.min(5)).await?;
    let mut all = vec![operate(&scene, rounds.div_ceil(2)).await?];
    for level in LEVELS {
        while live.len() < level {
            live.push(scene.context().await?);
        }
        all.push(operate(&scene, rounds).await?);
    }
    destroy(live.drain(1..)).await;
    let after = operate(&scene, rounds.div_ceil(2)).await?;
    for (before, after) in all[0].iter_mut().zip(after) {
        before.extend(after);
    }
    destroy(live.drain(..)).await;
    Ok(all)
}

async fn operate(scene: &Scene, rounds: usize) -> Result<Taken, Miss> {
    let mut taken = Taken::default();
    for _ in 0..rounds {
        let start = Instant::now();
        let sandbox = scene.sandbox().await?;
        let context = sandbox.create_context(ContextRequest::default()).await.map_err(cannot)?;
        taken[0].push(since(start));
        scene.run(&context, "1+1").await?;
        let start = Instant::now();
        scene.run(&context, "1+1").await?;
        taken[1].push(since(start));
        let start = Instant::now();
        sandbox.destroy().await;
        taken[2].push(since(start));
    }
    Ok(taken)
}

async fn destroy(contexts: impl Iterator<Item = Arc<Context>>) {
    for context in contexts {
        context.sandbox().destroy().await;
    }
}

fn free_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}
