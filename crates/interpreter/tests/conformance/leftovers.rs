//! What a sandbox leaves behind: nothing.

use crate::{
    alone,
    bench::Bench,
    traces::{Traces, descriptors, is_kernel},
};
use protocol::Limits;
use std::time::Duration;

/// Looks until something is true, for three seconds.
async fn soon(mut holds: impl FnMut() -> bool) -> bool {
    for _ in 0..60 {
        if holds() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    holds()
}

fn all_descriptors() -> usize {
    let own = std::process::id();
    let others = Traces::of(own).processes.into_iter().filter(|(pid, _)| !is_kernel(*pid));
    let others = others.map(|(pid, _)| descriptors(pid).unwrap_or(0));
    descriptors(own).unwrap() + others.sum::<usize>()
}

/// A hundred executions in one context, and a hundred contexts in one sandbox.
pub async fn nothing_grows(bench: Bench) {
    if !alone::is_alone() {
        return alone::run(&bench);
    }
    let context = bench.python(Limits::default()).await;
    let inside = "import os\nprint(len(os.listdir('/proc/self/fd')), len(os.listdir('/proc')))";
    let round = async |n: usize| {
        let code = format!("open('f{n}', 'w').write('x')\nprint({n})\ndisplay({n})\n!true");
        bench.print(&context, &code).await;
        let made = context.sandbox().create_context(Default::default()).await.unwrap();
        bench.print(&made, "print(1)").await;
        drop(made);
        context.sandbox().files().read(&format!("f{n}"), tokio::io::sink()).await.unwrap();
    };
    for n in 0..5 {
        round(n).await;
    }
    // Descriptors of the context, and entries of `/proc`, some of which may still be on their way out.
    let count = async || {
        let text = bench.print(&context, inside).await;
        text.split_whitespace().map(|word| word.parse::<u32>().unwrap()).collect::<Vec<_>>()
    };
    let before = (count().await, all_descriptors());
    for n in 5..105 {
        round(n).await;
    }
    let mut after = count().await;
    for _ in 0..20 {
        if after.iter().zip(&before.0).all(|(after, before)| after <= before) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        after = count().await;
    }
    assert!(after.iter().zip(&before.0).all(|(after, before)| after <= before), "{:?} → {after:?}", before.0);
    assert!(soon(|| all_descriptors() <= before.1).await, "{} → {}", before.1, all_descriptors());
}

/// Sandboxes that were destroyed with everything still running in them.
pub async fn nothing_stays(bench: Bench) {
    if !alone::is_alone() {
        return alone::run(&bench);
    }
    let own = std::process::id();
    bench.fresh("print('what stays for the next one is there now')").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let before = Traces::of(own);
    let mut seen = Traces::default();
    let open = all_descriptors();
    for n in 0..10 {
        let context = bench.python(Limits::default()).await;
        let code = "import subprocess, os\nsubprocess.Popen(['sleep', '1000'])\n\
            subprocess.Popen(['setsid', 'sh', '-c', 'trap \"\" TERM INT HUP; while :; do sleep 1; done'])\n\
            if os.fork() == 0:\n    os.setsid()\n    if os.fork(): os._exit(0)\n    while True: pass\nprint(1)";
        bench.print(&context, code).await;
        let more = Traces::of(own).beyond(&before);
        assert!(!more.processes.is_empty());
        seen.add(more);
        if n % 2 == 0 {
            context.sandbox().destroy().await;
        }
    }
    let new = || Traces::of(own).beyond(&before);
    assert!(soon(|| new().is_empty()).await, "stay: {:?}", new());
    assert!(soon(|| seen.left() == (vec![], vec![])).await, "stay: {:?}", seen.left());
    assert!(soon(|| all_descriptors() <= open).await, "descriptors: {open} → {}", all_descriptors());
    drop(bench);
    assert!(soon(|| Traces::of(own).is_empty()).await, "{:?} stay", Traces::of(own));
}

/// The process that made sandboxes is killed and can clean nothing up.
pub async fn a_killed_host_leaves_nothing(bench: Bench) {
    if alone::is_alone() {
        let first = bench.python(Limits::default()).await;
        let second = bench.python(Limits::default()).await;
        let code = "import subprocess, threading\nsubprocess.Popen(['sleep', '1000'], start_new_session=True)\n\
            def spin():\n    while True: pass\nthreading.Thread(target=spin).start()\nprint(1)";
        for context in [&first, &second] {
            bench.print(context, code).await;
        }
        println!("\nthey run");
        return std::future::pending().await;
    }
    let mut child = alone::start(&bench);
    let pid = child.id();
    alone::line_of(&mut child, "they run");
    let traces = Traces::of(pid);
    let walled = bench.sandbox(Limits::default()).await.measure().cpu_ms.is_some();
    assert!(traces.processes.len() >= 6, "{traces:?}");
    assert_eq!(traces.groups.is_empty(), !walled, "{traces:?}");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(soon(|| traces.left() == (vec![], vec![])).await, "stay: {:?}", traces.left());
    assert!(soon(|| Traces::of(pid).is_empty()).await, "stay: {:?}", Traces::of(pid));
}
