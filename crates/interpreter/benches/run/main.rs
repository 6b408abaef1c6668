//! How fast sandboxes, contexts and executions are, in process: one row of JSON a line, read by `cargo xtask bench`.
//!
//! Words select rows by their names; `walls SAMPLES [SUBJECT…]` measures every kind of wall instead (`walls`), `burst ROUNDS`
//! a pool that many ask at once (`burst`), and `serve ADDRESS SAMPLES` a server that runs there (`serve`). A row that cannot be measured says why instead of numbers. Judging and printing are left to xtask.

mod burst;
#[path = "../../tests/shared/containers.rs"]
mod containers;
mod memory;
mod plain;
mod row;
mod scene;
mod serve;
#[path = "../../tests/shared/subject.rs"]
mod subject;
mod walls;

use row::{Goal, Head, Measured, Pair};
use scene::Scene;
use std::path::Path;
use std::process::Command;

const SMALL: &str = "print(2+2)";
const SMALL_PRINTS: &str = "4\n";
const PANDAS: &str = "import pandas, numpy, matplotlib.pyplot
frame = pandas.DataFrame({'key': list('abcab'), 'value': numpy.arange(5)})
print(frame.groupby('key').value.sum().to_dict())";
const PANDAS_PRINTS: &str = "{'a': 3, 'b': 5, 'c': 2}\n";
const WARM_UP: usize = 5;
const FRESH_ROUNDS: usize = 200;
const PANDAS_ROUNDS: usize = 60;
const PANDAS_PEER_ROUNDS: usize = 8;
const LIVE_ROUNDS: usize = 1000;
const MEMORY_ROUNDS: usize = 5;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime starts");
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    if let [walls, samples, subjects @ ..] = wanted.as_slice()
        && walls == "walls"
    {
        let samples = samples.parse().expect("a number of samples follows `walls`");
        return runtime.block_on(walls::measure(samples, subjects));
    }
    if let [burst, rounds] = wanted.as_slice()
        && burst == "burst"
    {
        let rounds = rounds.parse().expect("a number of rounds follows `burst`");
        return runtime.block_on(burst::measure(rounds));
    }
    if let [serve, address, samples] = wanted.as_slice()
        && serve == "serve"
    {
        let samples = samples.parse().expect("a number of samples follows the address");
        return runtime.block_on(serve::measure(address, samples));
    }
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|word| name.contains(word.as_str()));
    let print = |name, unit, goal, measured| {
        row::print(&Head { wall: None, name, unit, goal: Some(goal) }, measured);
    };
    if is_wanted("fresh") {
        let name = "fresh sandbox, `print(2+2)`";
        print(name, "ms", Goal::RatioMax(1.2), runtime.block_on(fresh()));
    }
    if is_wanted("pandas") {
        let name = "fresh sandbox, pandas, numpy, pyplot";
        print(name, "ms", Goal::RatioMax(0.05), runtime.block_on(pandas()));
    }
    if is_wanted("live") {
        print("live context, `1+1`", "ms", Goal::Max(1.0), runtime.block_on(live()));
    }
    if is_wanted("memory") {
        print("idle sandbox with pandas, USS", "MiB", Goal::Max(8.0), runtime.block_on(uss()));
    }
}

/// Wall time in milliseconds of a bare Python that runs this code.
fn python(python: &Path, code: &str, prints: &str) -> Result<f64, String> {
    measure::program(Command::new(python).args(["-c", code]), prints)
}

/// A sandbox and a context of their own from a warm zygote, request to outcome, against a bare `python3`.
async fn fresh() -> Measured {
    let scene = Scene::open("native", "python")?;
    for _ in 0..WARM_UP {
        scene.fresh(SMALL, SMALL_PRINTS).await?;
    }
    let bare = Path::new("/usr/bin/python3");
    let mut pair = Pair::against("/usr/bin/python3 -c");
    for _ in 0..FRESH_ROUNDS {
        pair.ours(scene.fresh(SMALL, SMALL_PRINTS).await);
        pair.peers(python(bare, SMALL, SMALL_PRINTS));
    }
    Ok(pair)
}

/// The same with pandas, numpy and pyplot, against a bare `python` of the same template.
async fn pandas() -> Measured {
    let scene = Scene::open("native", "data")?;
    let bare = scene.template_python()?;
    for _ in 0..WARM_UP {
        scene.fresh(PANDAS, PANDAS_PRINTS).await?;
    }
    python(&bare, PANDAS, PANDAS_PRINTS)?;
    let mut pair = Pair::against("python of the same template");
    for round in 0..PANDAS_ROUNDS {
        pair.ours(scene.fresh(PANDAS, PANDAS_PRINTS).await);
        if round % (PANDAS_ROUNDS / PANDAS_PEER_ROUNDS) == 0 {
            pair.peers(python(&bare, PANDAS, PANDAS_PRINTS));
        }
    }
    Ok(pair)
}

/// A round trip in a context that lives.
async fn live() -> Measured {
    let scene = Scene::open("native", "python")?;
    let context = scene.context().await?;
    for _ in 0..WARM_UP * 10 {
        scene.one_and_one(&context).await?;
    }
    let mut pair = Pair::default();
    for _ in 0..LIVE_ROUNDS {
        pair.ours(scene.one_and_one(&context).await);
    }
    Ok(pair)
}

/// Private memory of everything in a sandbox whose only context has imported pandas and waits.
async fn uss() -> Measured {
    let scene = Scene::open("native", "data")?;
    let mut pair = Pair::default();
    for _ in 0..MEMORY_ROUNDS {
        let context = scene.context().await?;
        scene.run(&context, "import pandas").await?;
        memory::private_mib()?.into_iter().for_each(|sample| pair.ours(Ok(sample)));
        context.sandbox().destroy().await;
    }
    Ok(pair)
}
