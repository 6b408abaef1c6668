//! A one-shot over HTTP against the same in process, both from warm sandboxes, in turns; and by several clients at once.
//!
//! The server runs already, with as many warm sandboxes as there are here.

use crate::row::{self, Goal, Head, Measured, Pair};
use crate::scene::{self, Scene};
use crate::{SMALL, SMALL_PRINTS, WARM_UP};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Warm sandboxes of each side; `cargo xtask bench serve` starts the server with them.
const WARM: usize = 4;
const CLIENTS: usize = 8;
const PEER: &str = "in process, from the same kind of pool";
/// How long the server's pool may take to be filled.
const PATIENCE: Duration = Duration::from_secs(60);

/// Measures both rows.
pub async fn measure(address: &str, samples: usize) {
    let head = |name, goal| Head { wall: None, name, unit: "ms", goal };
    let alone = head("one-shot over HTTP, warm, one client", Some(Goal::RatioPlus(2.0, 1.0)));
    row::print(&alone, one_client(address, samples).await);
    let many = head("one-shot over HTTP, warm, 8 clients", None);
    row::print(&many, clients(address, samples.div_ceil(CLIENTS)).await);
}

async fn one_client(address: &str, samples: usize) -> Measured {
    let scene = Scene::open("native", "python")?;
    let warm = scene.keep_warm(WARM)?;
    let mut client = Client::connect(address)?;
    let mut pair = Pair::against(PEER);
    for round in 0..WARM_UP + samples {
        scene::full(Some(&warm)).await?;
        client.until_warm()?;
        let (ours, peers) = (client.one_shot(), scene.fresh(SMALL, SMALL_PRINTS).await);
        if round >= WARM_UP {
            pair.ours(ours);
            pair.peers(peers);
        }
    }
    Ok(pair)
}

/// First all clients of the server, then as many callers in process; nobody waits for a pool.
async fn clients(address: &str, samples: usize) -> Measured {
    let mut pair = Pair::against(PEER);
    let over_http = move |address: String| {
        let mut client = Client::connect(&address)?;
        Ok::<_, String>((0..samples).map(|_| client.one_shot()).collect::<Vec<_>>())
    };
    let threads: Vec<_> = (0..CLIENTS)
        .map(|_| (address.to_owned(), over_http))
        .map(|(address, work)| std::thread::spawn(move || work(address)))
        .collect();
    for thread in threads {
        let taken = thread.join().map_err(|_| "a client panicked".to_owned())??;
        taken.into_iter().for_each(|sample| pair.ours(sample));
    }
    let scene = Arc::new(Scene::open("native", "python")?);
    let warm = scene.keep_warm(WARM)?;
    scene::full(Some(&warm)).await?;
    let callers = (0..CLIENTS).map(|_| {
        let scene = scene.clone();
        tokio::spawn(async move {
            let mut taken = Vec::new();
            for _ in 0..samples {
                taken.push(scene.fresh(SMALL, SMALL_PRINTS).await);
            }
            taken
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        let taken = caller.await.map_err(|_| "a caller panicked".to_owned())?;
        taken.into_iter().for_each(|sample| pair.peers(sample));
    }
    Ok(pair)
}

/// One connection that is kept.
struct Client {
    address: String,
    socket: BufReader<TcpStream>,
}

impl Client {
    fn connect(address: &str) -> Result<Client, String> {
        let socket = TcpStream::connect(address).map_err(|error| format!("cannot connect: {error}"))?;
        let _ = socket.set_nodelay(true);
        Ok(Client { address: address.to_owned(), socket: BufReader::new(socket) })
    }

    /// Wall time in milliseconds of one execution, from the request to the end of its answer.
    fn one_shot(&mut self) -> Result<f64, String> {
        let body = format!(r#"{{"code": "{SMALL}"}}"#);
        let began = Instant::now();
        let answer = self.ask("POST /v1/executions", &body)?;
        let wall_ms = began.elapsed().as_secs_f64() * 1000.0;
        let printed = format!(r#""stdout":"{}""#, SMALL_PRINTS.escape_debug());
        if answer.contains(&printed) { Ok(wall_ms) } else { Err(format!("the answer was {answer}")) }
    }

    /// Waits until all warm sandboxes are there.
    fn until_warm(&mut self) -> Result<(), String> {
        let (end, series) = (Instant::now() + PATIENCE, format!("belljar_sandboxes_warm {WARM}\n"));
        while !self.ask("GET /metrics", "")?.contains(&series) {
            if Instant::now() > end {
                return Err(format!("the server never had {WARM} warm sandboxes"));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    fn ask(&mut self, what: &str, body: &str) -> Result<String, String> {
        let broken = |error: std::io::Error| format!("the connection broke off: {error}");
        let (address, bytes) = (&self.address, body.len());
        let request = format!(
            "{what} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {bytes}\r\n\r\n{body}"
        );
        self.socket.get_mut().write_all(request.as_bytes()).map_err(broken)?;
        let (mut length, mut line) = (0, String::new());
        loop {
            line.clear();
            self.socket.read_line(&mut line).map_err(broken)?;
            if line.trim().is_empty() {
                break;
            }
            if let Some(number) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = number.trim().parse().unwrap_or(0);
            }
        }
        let mut answer = vec![0; length];
        self.socket.read_exact(&mut answer).map_err(broken)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}
