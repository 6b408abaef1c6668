//! A sandbox where none is ready, beside other ways to put a Python behind walls.

use super::peers::{self, PYTHON, SMALL, SMALL_PRINTS};
use super::scene::Scene;
use super::{Bench, Miss};
use measure::{Row, Target};
use protocol::Limits;
use std::process::Command;

const ROUNDS: usize = 60;
const WARM_UP: usize = 3;

pub async fn measure(bench: &mut Bench<'_>) {
    let name = "fresh sandbox, none ready";
    let rounds = bench.rounds(ROUNDS);
    let scene = Scene::open(bench, "python", Limits::default()).await;
    let bubblewrap = peers::bubblewrap();
    let row = Row::new(name, "ms", Target::Ratio(0.5, 0.0)).against(format!("bwrap … {PYTHON} -c"));
    bench.row(row, async |row| turns(row, scene, bubblewrap, rounds).await).await;
    let scene = Scene::open(bench, "python", Limits::default()).await;
    let docker = peers::docker(bench.site, "python").await;
    let row = Row::new(name, "ms", Target::Ratio(0.05, 0.0)).against("docker run --rm … python3 -c");
    bench.row(row, async |row| turns(row, scene, docker, rounds).await).await;
}

async fn turns(
    row: &mut Row,
    scene: Result<Scene, Miss>,
    peer: Result<Command, Miss>,
    rounds: usize,
) -> Result<(), Miss> {
    let (scene, mut peer) = (scene?, peer?);
    for round in 0..WARM_UP + rounds {
        let ours = scene.fresh(SMALL, SMALL_PRINTS).await;
        let peers = measure::program(&mut peer, SMALL_PRINTS);
        if round >= WARM_UP {
            row.ours.take(ours);
            row.peers(peers);
        }
    }
    Ok(())
}
