//! Bash and JavaScript beside Python, and what isolation is told.

use crate::bench::Bench;
use interpreter::ContextRequest;
use protocol::{Language, Limits, Status, Wall};
use serde_json::json;

pub async fn bash_keeps_state(bench: Bench) {
    let sandbox = bench.sandbox(Limits::default()).await;
    let request = ContextRequest { language: Language::Bash, ..ContextRequest::default() };
    let context = sandbox.create_context(request).await.unwrap();
    bench.print(&context, "x=1; export Y=2; mkdir d; cd d; f() { echo \"f $1\"; }").await;
    let told = bench.print(&context, "echo $x; sh -c 'echo $Y'; pwd; f 3").await;
    assert_eq!(told, "1\n2\n/workspace/d\nf 3\n");
    let failed = bench.run(&context, "echo before; false").await;
    assert_eq!((failed.status, failed.exit_code, failed.stdout.as_str()), (Status::Error, 1, "before\n"));
    assert_eq!(bench.run(&context, "exit 3").await.exit_code, 3);
    let loud = bench.run(&context, "echo o; echo e >&2").await;
    assert_eq!((loud.stdout.as_str(), loud.stderr.as_str()), ("o\n", "e\n"));
}

pub async fn javascript_keeps_state(bench: Bench) {
    let sandbox = bench.sandbox(Limits::default()).await;
    let request = ContextRequest { language: Language::Javascript, ..ContextRequest::default() };
    let context = sandbox.create_context(request).await.unwrap();
    let first = bench.run(&context, "const x = 20; function double(n) { return 2 * n }").await;
    if first.exit_code == 127 {
        assert_eq!(first.error.unwrap().name, "InterpreterMissing");
        return crate::bench::skip("node", "languages::javascript_keeps_state", "there is no Node.js");
    }
    let outcome = bench.run(&context, "console.log('log'); double(x) + 2").await;
    assert_eq!((outcome.stdout.as_str(), outcome.results.len()), ("log\n", 1));
    assert_eq!(outcome.results[0].data["text/plain"], json!("42"));
    let failed = bench.run(&context, "null.x").await;
    assert_eq!(failed.error.unwrap().name, "TypeError");
}

pub async fn isolation_is_told(bench: Bench) {
    let outcome = bench.fresh("print(1)").await;
    assert_eq!(outcome.status, Status::Ok, "{outcome:?}");
    let isolation = outcome.isolation.unwrap();
    for wall in [Wall::UserNs, Wall::MountNs, Wall::PidNs, Wall::NetNs, Wall::Seccomp, Wall::CapsDropped] {
        assert!(isolation.walls.contains(&wall), "{wall}");
    }
    assert_eq!(isolation.walls.len() + isolation.missing.len(), Wall::ALL.len());
    assert!(outcome.usage.wall_ms > 0.0);
}
