//! Many callers at once, while code of others keeps every CPU busy: how long each waits for a warm sandbox, and what it
//! and the filling afterwards cost those others.

use crate::row::{self, Head, Measured, Pair};
use crate::scene::{self, Scene};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Sandboxes that are asked for at once.
const BURST: usize = 50;
/// How long one stretch of work lasts, which the burst and the filling fall into.
const WORK_MS: u64 = 1500;
/// Work has begun by then.
const BEGUN: Duration = Duration::from_millis(200);

/// Measures all rows: with enough sandboxes for everybody, and with a few.
pub async fn measure(rounds: usize) {
    for warm in [BURST, 8] {
        let (takes, filled, work) = match rows(warm, rounds).await {
            Ok(rows) => rows,
            Err(why) => (Err(why.clone()), Err(why.clone()), Err(why)),
        };
        let print = |name: &str, unit, measured| {
            row::print(
                &Head { wall: None, name: &format!("{name}, {warm} warm"), unit, goal: None },
                measured,
            );
        };
        print("one of 50 takes at once, all CPUs busy", "ms", takes);
        print("until the pool is full again, all CPUs busy", "ms", filled);
        print("work meanwhile", "loops/ms", work);
    }
}

async fn rows(warm: usize, rounds: usize) -> Result<(Measured, Measured, Measured), String> {
    let scene = Arc::new(Scene::open("native", "python")?);
    let kept = scene.keep_warm(warm)?;
    let mut takes = Pair::against("no CPU busy");
    let mut filled = Pair::against("no CPU busy");
    let mut work = Pair::against("no burst");
    let cpus = std::thread::available_parallelism().map_or(2, usize::from);
    for _ in 0..rounds {
        scene::full(Some(&kept)).await?;
        for waited in burst(&scene).await {
            takes.peers(waited);
        }
        let began = Instant::now();
        scene::full(Some(&kept)).await?;
        filled.peers(Ok(began.elapsed().as_secs_f64() * 1000.0));
        for done in busy(&scene, cpus) {
            work.peers(done.await.map_err(|_| "work panicked".to_owned())?);
        }
        scene::full(Some(&kept)).await?;
        let working = busy(&scene, cpus);
        tokio::time::sleep(BEGUN).await;
        for waited in burst(&scene).await {
            takes.ours(waited);
        }
        let began = Instant::now();
        scene::full(Some(&kept)).await?;
        filled.ours(Ok(began.elapsed().as_secs_f64() * 1000.0));
        for done in working {
            work.ours(done.await.map_err(|_| "work panicked".to_owned())?);
        }
    }
    Ok((Ok(takes), Ok(filled), Ok(work)))
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

/// Code that keeps a CPU busy, once for each; what it did, in loops a millisecond.
fn busy(scene: &Arc<Scene>, cpus: usize) -> Vec<tokio::task::JoinHandle<Result<f64, String>>> {
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
            let count: f64 = outcome.stdout.trim().parse().map_err(|_| outcome.stdout.clone())?;
            Ok(count / WORK_MS as f64)
        })
    };
    (0..cpus).map(|_| one()).collect()
}
