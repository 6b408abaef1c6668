//! Many one-shots at once of an idle server, beside as many Pythons at once.

use super::peers::{PYTHON, SMALL, SMALL_PRINTS};
use super::scene::since;
use super::server::{Client, Server};
use super::{Bench, Miss};
use measure::{Row, Target};
use std::process::{Command, Stdio};
use std::time::Instant;

const BURST: usize = 50;
const ROUNDS: usize = 20;

pub async fn measure(bench: &mut Bench<'_>) {
    let row = Row::new(
        "50 fresh sandboxes at once over HTTP, until the last has answered",
        "ms",
        Target::Ratio(0.3, 0.0),
    )
    .against(format!("50 × {PYTHON} -c at once"));
    let rounds = bench.rounds(ROUNDS);
    let server = Server::start(bench.site, "python", BURST).await;
    bench.row(row, async |row| bursts(row, server, rounds).await).await;
}

async fn bursts(row: &mut Row, server: Result<Server, Miss>, rounds: usize) -> Result<(), Miss> {
    let server = server?;
    let mut clients = Vec::new();
    for _ in 0..BURST {
        clients.push(Client::connect(&server.address).await?);
    }
    for round in 0..=rounds {
        clients[0].until_warm(BURST).await?;
        let start = Instant::now();
        let asked = clients.into_iter().map(|mut client| {
            tokio::spawn(async move {
                let answered = client.one_shot(SMALL, SMALL_PRINTS).await;
                (client, answered)
            })
        });
        let asked: Vec<_> = asked.collect();
        clients = Vec::new();
        let mut failed = None;
        for asked in asked {
            let (client, answered) = asked.await.map_err(|error| error.to_string())?;
            failed = failed.or(answered.err());
            clients.push(client);
        }
        let ours = failed.map_or(Ok(since(start)), Err);
        let peers = pythons();
        if round > 0 {
            row.ours.take(ours);
            row.peers(peers);
        }
    }
    Ok(())
}

/// Milliseconds until the last of as many Pythons has ended.
fn pythons() -> Result<f64, String> {
    let start = Instant::now();
    let begin = |_| {
        let mut command = Command::new(PYTHON);
        command.args(["-c", SMALL]).stdin(Stdio::null()).stdout(Stdio::piped());
        command.spawn().map_err(|error| format!("cannot start {PYTHON}: {error}"))
    };
    let all: Vec<_> = (0..BURST).map(begin).collect();
    let mut ends = Vec::new();
    for child in all {
        let output = child?.wait_with_output().map_err(|error| error.to_string())?;
        ends.push(output.stdout == SMALL_PRINTS.as_bytes());
    }
    match ends.iter().all(|fine| *fine) {
        true => Ok(since(start)),
        false => Err(format!("a {PYTHON} printed something else")),
    }
}
