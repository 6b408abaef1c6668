//! A server of this program with warm sandboxes, and a connection to it.

use super::{Miss, Site};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, header};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// How long a pool may take to be filled.
const PATIENCE: Duration = Duration::from_secs(60);
/// What a server needs of a data folder; everything else is its own.
const SHOWN: [&str; 3] = ["templates", "drivers", "tools"];

/// A server that ends when it is dropped.
pub struct Server {
    /// `HOST:PORT`.
    pub address: String,
    _child: Child,
    _folder: Folder,
}

impl Server {
    /// Starts it with so many warm sandboxes of a template, which is built first where it is not there.
    pub async fn start(site: &Site, template: &str, warm: usize) -> Result<Server, Miss> {
        super::scene::template_python(site, template)?;
        let folder = Folder::new(&site.data_dir()?)?;
        let program =
            std::env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
        let mut command = Command::new(program);
        command.arg("--data-dir").arg(&folder.0);
        command.args(["serve", "--listen", "127.0.0.1:0", "--template", template, "--e2b-warm", "1"]);
        command.args([
            "--warm",
            &warm.to_string(),
            "--warm-max",
            &warm.to_string(),
            "--sandboxes",
            &(2 * warm + 8).to_string(),
        ]);
        // As servers run, but for a terminal that would have to show every request.
        command.env("BELLJAR_LOG", "warn").stdin(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| format!("cannot start a server: {error}"))?;
        let said = child.stderr.take().ok_or_else(|| "the server has no standard error".to_owned())?;
        let mut lines = BufReader::new(said).lines();
        let mut last = String::new();
        while let Ok(Some(line)) = lines.next_line().await {
            if let Some(rest) = line.strip_prefix("listening on http://") {
                let address = rest.split(' ').next().unwrap_or_default().to_owned();
                tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                return Ok(Server { address, _child: child, _folder: folder });
            }
            last = line;
        }
        Err(Miss::Failed(format!("the server ended: {last}")))
    }
}

/// A data folder that shows the templates of another one. Removed on drop.
struct Folder(PathBuf);

impl Folder {
    fn new(data_dir: &Path) -> Result<Folder, String> {
        let path = std::env::temp_dir().join(format!(
            "belljar-bench-{}-{:x}",
            std::process::id(),
            interpreter::random_bits()
        ));
        let failed = |error: std::io::Error| format!("cannot make {}: {error}", path.display());
        std::fs::create_dir(&path).map_err(failed)?;
        let folder = Folder(path.clone());
        for name in SHOWN {
            std::os::unix::fs::symlink(data_dir.join(name), path.join(name)).map_err(failed)?;
        }
        Ok(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// One connection that is kept.
pub struct Client {
    sender: SendRequest<Full<Bytes>>,
    address: String,
}

impl Client {
    /// Connects.
    pub async fn connect(address: &str) -> Result<Client, String> {
        let failed = |error: &dyn std::fmt::Display| format!("cannot connect to {address}: {error}");
        let stream = TcpStream::connect(address).await.map_err(|error| failed(&error))?;
        let _ = stream.set_nodelay(true);
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| failed(&error))?;
        tokio::spawn(connection);
        Ok(Client { sender, address: address.to_owned() })
    }

    /// Milliseconds of one execution in a sandbox of its own, from the request to the end of its answer.
    pub async fn one_shot(&mut self, code: &str, prints: &str) -> Result<f64, String> {
        let body = json!({ "code": code }).to_string();
        let start = Instant::now();
        let answer = self.ask(Method::POST, "/v1/executions", body).await?;
        let wall_ms = super::scene::since(start);
        let outcome: Value = serde_json::from_slice(&answer).unwrap_or_default();
        match outcome["stdout"] == prints {
            true => Ok(wall_ms),
            false => Err(format!("the answer was {}", String::from_utf8_lossy(&answer))),
        }
    }

    /// Waits until so many warm sandboxes are there.
    pub async fn until_warm(&mut self, count: usize) -> Result<(), String> {
        let end = Instant::now() + PATIENCE;
        loop {
            let figures = self.ask(Method::GET, "/metrics", String::new()).await?;
            let figures = String::from_utf8_lossy(&figures);
            let warm = figures.lines().find_map(|line| line.strip_prefix("belljar_sandboxes_warm "));
            // One more is for clients of E2B.
            if warm.and_then(|warm| warm.parse().ok()).is_some_and(|warm: usize| warm > count) {
                return Ok(());
            }
            if Instant::now() > end {
                return Err(format!("the server never had {count} warm sandboxes"));
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    async fn ask(&mut self, method: Method, path: &str, body: String) -> Result<Bytes, String> {
        let broken = |error: hyper::Error| format!("the connection broke off: {error}");
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.address)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| error.to_string())?;
        self.sender.ready().await.map_err(broken)?;
        let response = self.sender.send_request(request).await.map_err(broken)?;
        Ok(response.into_body().collect().await.map_err(broken)?.to_bytes())
    }
}
