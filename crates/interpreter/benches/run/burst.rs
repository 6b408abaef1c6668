//! Many callers at once, while code of others keeps every CPU busy: how long each waits for a warm sandbox, and what it
//! and the filling afterwards cost those others.

use crate::row::{self, Head, Pair};
use crate::scene::{self, Scene};
use interpreter::{Gauges, PoolSettings};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// Sandboxes that are asked for at once.
const BURST: usize = 50;
/// How long one stretch of work lasts, which the burst and the filling fall into.
const WORK_MS: u64 = 3000;
/// Work has begun by then.
const BEGUN: Duration = Duration::from_millis(200);

const PEER: &str = "filling gives way to nobody";

/// Measures all rows: with enough sandboxes for everybody, and with a few.
pub async fn measure(rounds: usize) {
    for warm in [BURST, 8] {
        let measured = rows(warm, rounds).await;
        let names = [
            ("one of 50 takes at once", "ms"),
            ("until the pool is full again", "ms"),
            ("work meanwhile, of that without a burst", "%"),
        ];
        for (index, (name, unit)) in names.into_iter().enumerate() {
            let name = format!("{name}, all CPUs busy, {warm} warm");
            let head = Head { wall: None, name: &name, unit, goal: None };
            row::print(&head, measured.as_ref().map(|rows| rows[index].clone()).map_err(String::clone));
        }
    }
}

async fn rows(warm: usize, rounds: usize) -> Result<[Pair; 3], String> {
    let deaf = Gauges { loadavg: "/nonexistent".into(), ..Gauges::default() };
    let stubborn = PoolSettings { gauges: deaf, ..PoolSettings::default() };
    let ours = Arc::new(Scene::open("native", "python")?);
    let peer = Arc::new(Scene::with_pool(stubborn, "python")?);
    // Work takes some before.
    let stock = warm + cpus();
    let kept = [ours.keep_warm(stock)?, peer.keep_warm(stock)?];
    let mut rows = [Pair::against(PEER), Pair::against(PEER), Pair::against(PEER)];
    for _ in 0..rounds {
        for (side, scene) in [&ours, &peer].into_iter().enumerate() {
            let put = if side == 0 { Pair::ours } else { Pair::peers };
            for kept in &kept {
                scene::full(Some(kept)).await?;
            }
            let undisturbed = done(busy(scene)).await?;
            scene::full(Some(&kept[side])).await?;
            let working = busy(scene);
            tokio::time::sleep(BEGUN).await;
            burst(scene).await.into_iter().for_each(|waited| put(&mut rows[0], waited));
            let began = Instant::now();
            scene::full(Some(&kept[side])).await?;
            put(&mut rows[1], Ok(began.elapsed().as_secs_f64() * 1000.0));
            put(&mut rows[2], Ok(done(working).await? / undisturbed * 100.0));
        }
    }
    Ok(rows)
}

/// What all work has done.
async fn done(working: Vec<JoinHandle<Result<f64, String>>>) -> Result<f64, String> {
    let mut all = 0.0;
    for one in working {
        all += one.await.map_err(|_| "work panicked".to_owned())??;
    }
    Ok(all)
}

/// Wall times in milliseconds of all who ask at once.
async fn burst(scene: &Arc<Scene>) -> Vec<Result<f64, String>> {
    let asking: Vec<_> = (0..BURST)
        .map(|_| {
            let scene = scene.clone();
            tokio::spawn(async move { scene.create().await })
        })
        .collect();
    let mut waited = Vec::new();
    for asked in asking {
        waited.push(asked.await.unwrap_or_else(|_| Err("a caller panicked".to_owned())));
    }
    waited
}

/// Code that keeps a CPU busy, once for each; what it did, in loops.
fn busy(scene: &Arc<Scene>) -> Vec<JoinHandle<Result<f64, String>>> {
    let code = format!(
        "import time\ncount, end = 0, time.monotonic() + {}\nwhile time.monotonic() < end:\n    count += 1\nprint(count)",
        WORK_MS as f64 / 1000.0
    );
    let one = || {
        let (scene, code) = (scene.clone(), code.clone());
        tokio::spawn(async move {
            let context = scene.context().await?;
            let outcome = scene.run(&context, &code).await?;
            context.sandbox().destroy().await;
            outcome.stdout.trim().parse().map_err(|_| outcome.stdout)
        })
    };
    (0..cpus()).map(|_| one()).collect()
}

fn cpus() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}
