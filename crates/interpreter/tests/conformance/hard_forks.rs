//! Forks where they are hard: libraries with threads of their own, too little memory, too many processes, parties that are killed
//! in the middle.

use crate::{
    alone,
    bench::Bench,
    forks::{fork, forkable, reason},
    traces::Traces,
};
use interpreter::Context;
use protocol::{Limits, Status};
use std::{sync::Arc, time::Duration};

/// How often somebody is killed.
const KILLS: u64 = 40;
/// Nothing about forks takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// What uses a library's threads and leaves `result`, and what uses them again and prints whether it is the same.
const LIBRARIES: [(&str, &str, &str); 6] = [
    (
        "numpy",
        "import numpy; a = numpy.random.rand(500, 500); result = float((a @ a).sum())",
        "print(abs(float((a @ a).sum()) - result) < 1e-3)",
    ),
    (
        "scipy",
        "import scipy.linalg, numpy; a = numpy.random.rand(200, 200); result = scipy.linalg.det(a)",
        "print(scipy.linalg.det(a) == result)",
    ),
    (
        "pyarrow",
        "import pyarrow, pyarrow.parquet as pq; table = pyarrow.table({'a': list(range(100000))})\n\
         pq.write_table(table, 't.parquet'); result = sum(pq.read_table('t.parquet')['a'].to_pylist())",
        "print(sum(pq.read_table('t.parquet')['a'].to_pylist()) == result)",
    ),
    (
        "duckdb",
        "import duckdb; c = duckdb.connect(); c.execute('create table t as select * from range(1000000)')\n\
         result = c.execute('select sum(range) from t').fetchone()",
        "print(c.execute('select sum(range) from t').fetchone() == result)",
    ),
    (
        "sklearn",
        "from sklearn.ensemble import RandomForestClassifier as Forest; import numpy\n\
         x = numpy.random.rand(300, 4); y = x[:, 0] > 0.5; result = True\n\
         Forest(n_estimators=10, n_jobs=2).fit(x, y)",
        "print((Forest(n_estimators=10, n_jobs=2).fit(x, y).score(x, y) > 0.8) == result)",
    ),
    (
        "polars",
        "import polars; result = polars.Series([1, 2]).sum()",
        "print(polars.Series([1, 2]).sum() == result)",
    ),
];

pub async fn libraries_in_forks(bench: Bench) {
    let Some(bench) = bench.with("code-interpreter").await else { return };
    for (name, first, again) in LIBRARIES {
        let Some(parent) = forkable(&bench).await else { return };
        bench.print(&parent, first).await;
        match tokio::time::timeout(PATIENCE, fork(&parent, 1))
            .await
            .unwrap_or_else(|_| panic!("{name} hangs"))
        {
            Ok(forked) => {
                assert_ne!(name, "polars", "its threads are known not to come back");
                for context in [&forked.contexts[0], &parent] {
                    let outcome = bench.within(context, again, 10_000).await;
                    assert_eq!((outcome.status, outcome.stdout.as_str()), (Status::Ok, "True\n"), "{name}");
                }
            }
            // Refused rather than hung, and the parent goes on.
            Err(error) => {
                assert_eq!((name, reason(error).as_str()), ("polars", "library"));
                assert_eq!(bench.print(&parent, again).await, "True\n");
            }
        }
    }
}

/// Forks that write to what they share with their parent use memory of their own; when that is too much, it is not the
/// parent that pays.
pub async fn memory_of_forks(bench: Bench) {
    if forkable(&bench).await.is_none() {
        return;
    }
    let parent = bench.python(Limits { memory_bytes: 512 << 20, ..Limits::default() }).await;
    if parent.sandbox().measure().cpu_ms.is_none() {
        return bench.skip("cgroup", "memory that forks share is counted for each of them here");
    }
    bench.print(&parent, "data = bytearray(b'x' * (120 << 20))").await;
    let forks = fork(&parent, 6).await.unwrap().contexts;
    // Nothing is used twice yet.
    for context in &forks {
        assert_eq!(bench.print(context, "print(len(data))").await, format!("{}\n", 120 << 20));
    }
    for context in &forks {
        let code =
            "for at in range(0, len(data), 4096): data[at] = 1\nimport time; time.sleep(0.6); print(data[0])";
        match bench.try_run(context, code).await {
            Ok(outcome) if outcome.status == Status::Ok => assert_eq!(outcome.stdout, "1\n"),
            Ok(outcome) => assert_eq!(outcome.status, Status::OutOfMemory, "{outcome:?}"),
            // It had to go while it ran nothing.
            Err(error) => assert_eq!(error.code(), "lost", "{error:?}"),
        }
    }
    let live = forks.iter().filter(|context| context.is_alive()).count();
    assert!(live < 6, "seven times 120 MiB do not fit into 512");
    assert_eq!(bench.print(&parent, "print(data.count(b'x'))").await, format!("{}\n", 120 << 20));
    drop(forks);
    fork(&parent, 1).await.unwrap();
}

/// Where no further process may be, the fork is refused and its parent goes on.
pub async fn forks_that_cannot_be(bench: Bench) {
    if forkable(&bench).await.is_none() {
        return;
    }
    let parent = bench.python(Limits { pids: 16, memory_bytes: 2 << 30, ..Limits::default() }).await;
    bench.print(&parent, "x = 1").await;
    // As many as asked for, or none.
    let error = fork(&parent, 40).await.unwrap_err();
    assert!(["processes", "ended"].contains(&reason(error).as_str()));
    assert_eq!(bench.print(&parent, "print(x)").await, "1\n");
    let forks = fork(&parent, 4).await.unwrap().contexts;
    assert_eq!(bench.print(&forks[3], "print(x)").await, "1\n");
}

/// A process of the sandbox is killed while a context forks, a different one at a different moment each time.
pub async fn killed_at_any_step(bench: Bench) {
    if forkable(&bench).await.is_none() {
        return;
    }
    if !alone::is_alone() {
        return alone::run(&bench);
    }
    bench.fresh("print('what stays for the next one is there now')").await;
    let own = std::process::id();
    let before = Traces::of(own);
    let mut seed = 1_u64;
    let mut random = |below: u64| {
        // A plain generator: a failure can be seen again.
        seed = u64::wrapping_mul(seed, 6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let (mut whole, mut refused) = (0, 0);
    for round in 0..KILLS {
        let parent = bench.python(Limits { memory_bytes: 2 << 30, ..Limits::default() }).await;
        bench.print(&parent, "x = 1; open('f', 'w').write('f' * 100_000)").await;
        let forking = {
            let parent: Arc<Context> = parent.clone();
            tokio::spawn(async move { fork(&parent, 4).await })
        };
        tokio::time::sleep(Duration::from_micros(random(20_000))).await;
        let mut new: Vec<u32> =
            Traces::of(own).beyond(&before).processes.iter().map(|(pid, _)| *pid).collect();
        new.sort_unstable();
        // Half of the time one of the youngest: with the sandbox's first processes everything ends.
        let from = if random(2) == 0 { new.len().saturating_sub(4) } else { 0 };
        let among = &new[from..];
        if let Some(victim) = among.get(random(among.len().max(1) as u64) as usize) {
            let killed = std::process::Command::new("kill").args(["-9", &victim.to_string()]).output();
            killed.expect("kill is there");
        }
        let forked = tokio::time::timeout(PATIENCE, forking).await;
        match forked.unwrap_or_else(|_| panic!("round {round} hangs")).unwrap() {
            Ok(forked) => {
                whole += 1;
                for context in forked.contexts.iter().chain([&parent]) {
                    is_whole_or_gone(&bench, context).await;
                }
            }
            Err(error) => {
                refused += 1;
                assert!(
                    ["lost", "fork_refused", "guest"].contains(&error.code()),
                    "{}: {error:?}",
                    error.code()
                );
            }
        }
        tokio::time::timeout(PATIENCE, parent.sandbox().destroy()).await.expect("it is destroyed");
    }
    eprintln!("{whole} forks came up all the same, {refused} did not");
    let end = std::time::Instant::now() + PATIENCE;
    while !Traces::of(own).beyond(&before).is_empty() {
        assert!(std::time::Instant::now() < end, "{:?} stay", Traces::of(own).beyond(&before));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn is_whole_or_gone(bench: &Bench, context: &Arc<Context>) {
    let outcome = tokio::time::timeout(PATIENCE, bench.try_run(context, "print(x, len(open('f').read()))"));
    match outcome.await.expect("a cell does not hang") {
        Ok(outcome) if outcome.status == Status::Ok => assert_eq!(outcome.stdout, "1 100000\n"),
        Ok(outcome) => assert!(!outcome.context_alive, "{outcome:?}"),
        Err(error) => assert!(["lost", "not_found"].contains(&error.code()), "{error:?}"),
    }
}
