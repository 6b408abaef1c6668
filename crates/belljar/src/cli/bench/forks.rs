//! Forks of live contexts, beside what one would do without: pickle the state out and in, or begin a kernel anew.

use super::peers::Jupyter;
use super::scene::{Scene, cannot, since};
use super::{Bench, Miss};
use interpreter::{Context, Error, ForkRequest};
use measure::{Row, Target};
use protocol::Limits;
use std::sync::Arc;
use std::time::Instant;

const LARGE_ROUNDS: usize = 20;
const SMALL_ROUNDS: usize = 100;
/// A kernel takes long to begin, so it has fewer turns.
const KERNEL_SHARE: usize = 10;
/// Without control groups memory that forks share counts for each of them.
const MEMORY_BYTES: u64 = 4 << 30;
/// All of it written to, so that all of it is there.
const LARGE: &str = "import pickle, time, numpy, pandas
frame = pandas.DataFrame({str(at): numpy.random.rand(6_250_000) for at in range(10)})";
const PICKLE: &str = "begin = time.perf_counter()
copy = pickle.loads(pickle.dumps(frame, 5))
print((time.perf_counter() - begin) * 1000)
del copy";

pub async fn measure(bench: &mut Bench<'_>) {
    let limits = Limits { memory_bytes: MEMORY_BYTES, ..Limits::default() };
    let rounds = bench.rounds(LARGE_ROUNDS);
    let scene = Scene::open(bench, "data", limits.clone()).await;
    let row = Row::new("fork of a context with a DataFrame of 500 MB", "ms", Target::Ratio(0.03, 0.0))
        .against("pickle of the DataFrame, out and in");
    bench.row(row, async |row| large(row, scene, rounds).await).await;
    let rounds = bench.rounds(SMALL_ROUNDS);
    let scene = Scene::open(bench, "python", limits).await;
    let kernels = Jupyter::open(bench.site);
    let mut samples = Small::default();
    let peer = "a new Jupyter kernel (ipykernel), to its first reply";
    let row = Row::new("fork of a small context", "ms", Target::Ratio(0.02, 0.0)).against(peer);
    bench.row(row, async |row| small(row, &mut samples, scene, kernels, rounds).await).await;
    let row = Row::new("the same, with its first result", "ms", Target::Ratio(0.02, 0.0)).against(peer);
    bench.row(row, async |row| samples.tell(row)).await;
}

/// What small forks take until they have printed something, beside what their kernels took.
#[derive(Default)]
struct Small {
    with_result: Vec<Result<f64, String>>,
    kernels: Vec<Result<f64, String>>,
}

impl Small {
    fn tell(self, row: &mut Row) -> Result<(), Miss> {
        if self.with_result.is_empty() {
            return Err(Miss::LeftOut("nothing was forked".to_owned()));
        }
        self.with_result.into_iter().for_each(|sample| row.ours.take(sample));
        self.kernels.into_iter().for_each(|sample| row.peers(sample));
        Ok(())
    }
}

/// A fork, and the milliseconds that it took.
async fn fork(context: &Arc<Context>) -> Result<(Arc<Context>, f64), Miss> {
    let start = Instant::now();
    let forked = context.fork(ForkRequest::default()).await;
    let wall_ms = since(start);
    match forked {
        Ok(mut forked) => Ok((forked.contexts.remove(0), wall_ms)),
        Err(error @ Error::ForkUnsupported { .. }) => Err(Miss::LeftOut(cannot(error))),
        Err(error) => Err(Miss::Failed(cannot(error))),
    }
}

/// Ends a fork, so that its end does not weigh on the next sample.
async fn end(fork: Arc<Context>) {
    fork.kill();
    while fork.is_alive() {
        tokio::task::yield_now().await;
    }
}

async fn large(row: &mut Row, scene: Result<Scene, Miss>, rounds: usize) -> Result<(), Miss> {
    let scene = scene?;
    let context = scene.context().await?;
    scene.run(&context, LARGE).await?;
    end(fork(&context).await?.0).await;
    for _ in 0..rounds {
        let (fork, wall_ms) = fork(&context).await?;
        end(fork).await;
        row.ours.take(Ok(wall_ms));
        let told = scene.run(&context, PICKLE).await?;
        row.peers(told.trim().parse().map_err(|_| format!("the code printed {told:?}")));
    }
    Ok(())
}

async fn small(
    row: &mut Row,
    samples: &mut Small,
    scene: Result<Scene, Miss>,
    kernels: Result<Jupyter, Miss>,
    rounds: usize,
) -> Result<(), Miss> {
    let (scene, mut kernels) = (scene?, kernels?);
    let context = scene.context().await?;
    scene.run(&context, "x = 1").await?;
    kernels.begin()?;
    end(fork(&context).await?.0).await;
    for round in 0..rounds {
        let start = Instant::now();
        let (fork, wall_ms) = fork(&context).await?;
        let told = scene.run(&fork, "print(x + 1)").await?;
        let with_result = since(start);
        let right = |value| if told == "2\n" { Ok(value) } else { Err(format!("a fork printed {told:?}")) };
        row.ours.take(right(wall_ms));
        samples.with_result.push(right(with_result));
        end(fork).await;
        if round % KERNEL_SHARE == 0 {
            let kernel = kernels.begin();
            row.peers(kernel.clone());
            samples.kernels.push(kernel);
        }
    }
    Ok(())
}
