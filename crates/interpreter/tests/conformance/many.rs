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

pub async fn fifty_that_live_at_once(bench: Bench) {
    let bench = Arc::new(bench);
    let small = Limits { memory_bytes: 128 << 20, disk_bytes: 16 << 20, ..Limits::default() };
    let made: Vec<_> = (0..50)
        .map(|n| {
            let (bench, small) = (bench.clone(), small.clone());
            tokio::spawn(async move {
                let context = bench.python(small).await;
                bench.print(&context, &format!("x = {n}\nopen('n', 'w').write(str(x)); None")).await;
                context
            })
        })
        .collect();
    let mut contexts = Vec::new();
    for made in made {
        contexts.push(made.await.unwrap());
    }
    let ids: BTreeSet<_> = contexts.iter().map(|context| context.sandbox().id().to_string()).collect();
    assert_eq!(ids.len(), 50);
    for (n, context) in contexts.iter().enumerate() {
        assert_eq!(bench.print(context, "print(x, open('n').read())").await, format!("{n} {n}\n"));
    }
}

/// Runs code that prints words in 30 contexts, half of them in sandboxes of their own.
async fn all_differ(bench: &Bench, code: &str) {
    let mut seen = BTreeSet::new();
    for _ in 0..15 {
        let first = bench.python(Limits::default()).await;
        let second = first.sandbox().create_context(Default::default()).await.unwrap();
        for context in [first, second] {
            for word in bench.print(&context, code).await.split_whitespace() {
                assert!(seen.insert(word.to_owned()), "{word} came twice");
            }
        }
    }
}

pub async fn no_two_numpy_random_alike(bench: Bench) {
    let Some(bench) = bench.with("data").await else { return };
    let code = "import numpy, random, pandas\nprint(numpy.random.rand(), numpy.random.default_rng().random(), \
        numpy.random.RandomState().rand(), numpy.random.randint(2**62), random.random(), \
        pandas.Series(range(10**6)).sample(1).index[0] + numpy.random.rand())";
    all_differ(&bench, code).await;
}

pub async fn no_two_random_alike(bench: Bench) {
    let code = "import random, uuid, secrets, tempfile, os, ssl\n\
        print(random.random(), random.Random().random(), uuid.uuid4(), uuid.uuid1(), secrets.token_hex(8), \
        tempfile.mktemp(), tempfile.mkdtemp(), os.urandom(8).hex(), ssl.RAND_bytes(8).hex())";
    all_differ(&bench, code).await;
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
