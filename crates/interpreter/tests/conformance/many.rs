//! Many sandboxes at once, and nothing of one in another.

use crate::bench::Bench;
use protocol::{Limits, Status};
use std::{collections::BTreeSet, sync::Arc};

pub async fn fifty_sandboxes(bench: Bench) {
    let bench = Arc::new(bench);
    let runs: Vec<_> = (0..50)
        .map(|n| {
            let bench = bench.clone();
            tokio::spawn(async move { bench.fresh(&format!("print({n} * {n})")).await })
        })
        .collect();
    for (n, run) in runs.into_iter().enumerate() {
        let outcome = run.await.unwrap();
        assert_eq!((outcome.status, outcome.stdout), (Status::Ok, format!("{}\n", n * n)));
    }
}

pub async fn no_two_random_alike(bench: Bench) {
    let code = "import random, uuid, secrets, tempfile, os\n\
        print(random.random(), uuid.uuid4(), uuid.uuid1(), secrets.token_hex(8), tempfile.mktemp(), os.urandom(8))";
    let mut seen = BTreeSet::new();
    for _ in 0..20 {
        let context = bench.python(Limits::default()).await;
        for word in bench.print(&context, code).await.split_whitespace() {
            assert!(seen.insert(word.to_owned()), "{word} came twice");
        }
    }
}

pub async fn sandboxes_do_not_see_each_other(bench: Bench) {
    let first = bench.python(Limits::default()).await;
    bench
        .print(&first, "open('/tmp/secret', 'w').write('x')\nopen('/dev/shm/secret', 'w').write('x'); None")
        .await;
    let second = bench.python(Limits::default()).await;
    let code = "import os\nprint(os.path.exists('/tmp/secret'), os.path.exists('/dev/shm/secret'), os.listdir('/workspace'))\n\
        print(max(int(name) for name in os.listdir('/proc') if name.isdigit()) < 100)";
    assert_eq!(bench.print(&second, code).await, "False False []\nTrue\n");
}
