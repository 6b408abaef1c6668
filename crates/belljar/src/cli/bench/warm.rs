//! One-shots over HTTP from a server with warm sandboxes, beside a bare Python that runs the same.

use super::peers::{PANDAS, PANDAS_PRINTS, PYTHON, SMALL, SMALL_PRINTS};
use super::scene::template_python;
use super::server::{Client, Server};
use super::{Bench, Miss};
use measure::{Row, Target};
use std::path::Path;
use std::process::Command;

const WARM: usize = 4;
const WARM_UP: usize = 5;
const ROUNDS: usize = 200;
const PANDAS_ROUNDS: usize = 60;
/// A Python that imports pandas anew takes long, so it has fewer turns.
const PANDAS_SHARE: usize = 6;

/// Code, and how it is measured.
struct Work {
    template: &'static str,
    code: &'static str,
    prints: &'static str,
    rounds: usize,
    /// The peer has a turn every so many rounds.
    share: usize,
}

pub async fn measure(bench: &mut Bench<'_>) {
    let work = Work {
        template: "python",
        code: SMALL,
        prints: SMALL_PRINTS,
        rounds: bench.rounds(ROUNDS),
        share: 1,
    };
    let row =
        Row::new("one-shot over HTTP, warm", "ms", Target::Ratio(0.2, 0.0)).against(format!("{PYTHON} -c"));
    let server = Server::start(bench.site, work.template, WARM).await;
    bench.row(row, async |row| one_shots(row, server, &work, Path::new(PYTHON)).await).await;
    let rounds = bench.rounds(PANDAS_ROUNDS);
    let work = Work { template: "data", code: PANDAS, prints: PANDAS_PRINTS, rounds, share: PANDAS_SHARE };
    let row =
        Row::new("one-shot over HTTP with pandas, numpy and pyplot, warm", "ms", Target::Ratio(0.02, 0.0))
            .against("python -c, of the same template");
    let server = Server::start(bench.site, work.template, WARM).await;
    let python = template_python(bench.site, work.template);
    bench.row(row, async |row| one_shots(row, server, &work, &python?).await).await;
}

/// In turns; the pool is full before each of ours.
async fn one_shots(
    row: &mut Row,
    server: Result<Server, Miss>,
    work: &Work,
    python: &Path,
) -> Result<(), Miss> {
    let server = server?;
    let mut client = Client::connect(&server.address).await?;
    for round in 0..WARM_UP + work.rounds {
        client.until_warm(WARM).await?;
        let ours = client.one_shot(work.code, work.prints).await;
        let peers = (round % work.share == 0)
            .then(|| measure::program(Command::new(python).args(["-c", work.code]), work.prints));
        if round >= WARM_UP {
            row.ours.take(ours);
            peers.into_iter().for_each(|peers| row.peers(peers));
        }
    }
    Ok(())
}
