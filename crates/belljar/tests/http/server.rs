//! A server of its own for each test, with a data folder of its own, and short ways to ask it.

use crate::program::{belljar, can_run};
use reqwest::{Client, Method, RequestBuilder, Response};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A running server; killed on drop.
pub struct Server {
    pub child: Child,
    pub address: String,
    pub folder: TempDir,
    client: Client,
}

impl Server {
    /// Starts one with these options; `None` where no code can run here.
    pub fn start(options: &[&str]) -> Option<Server> {
        can_run().then(|| Server::start_in(folder(), options))
    }

    /// The same with a data folder that is there already.
    pub fn start_in(folder: TempDir, options: &[&str]) -> Server {
        Server::start_program(belljar(), folder, options)
    }

    /// The same with another program that is called in the same way.
    pub fn start_program(mut command: Command, folder: TempDir, options: &[&str]) -> Server {
        command.arg("--data-dir").arg(folder.path());
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(options);
        if !options.contains(&"--template") {
            // E2B's clients want more than this template has: nothing is kept ready for them.
            command.args(["--template", "python", "--e2b-warm", "0"]);
        }
        command.env("BELLJAR_LOG", "warn").stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("start belljar");
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let address = loop {
            let line = lines.next().expect("it listens").expect("a line");
            if let Some(rest) = line.strip_prefix("listening on http://") {
                break rest.split(' ').next().expect("an address").to_owned();
            }
            eprintln!("{line}");
        };
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| eprintln!("{line}")));
        Server { child, address, folder, client: client() }
    }

    /// A request to one of its paths.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    /// Sends JSON; gives back status and JSON.
    pub async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        json(self.request(Method::POST, path).json(&body).send().await.expect("an answer")).await
    }

    /// Asks; gives back status and JSON.
    pub async fn get(&self, path: &str) -> (u16, Value) {
        json(self.request(Method::GET, path).send().await.expect("an answer")).await
    }

    /// Deletes; gives back status and JSON.
    pub async fn delete(&self, path: &str) -> (u16, Value) {
        json(self.request(Method::DELETE, path).send().await.expect("an answer")).await
    }

    /// A new sandbox; its address.
    pub async fn sandbox(&self) -> String {
        let (status, made) = self.post("/v1/sandboxes", serde_json::json!({})).await;
        assert_eq!(status, 201, "{made}");
        format!("/v1/sandboxes/{}", text(&made, "id"))
    }

    /// A new Python context of a sandbox; its address.
    pub async fn context(&self, sandbox: &str) -> String {
        let (status, made) = self.post(&format!("{sandbox}/contexts"), serde_json::json!({})).await;
        assert_eq!(status, 201, "{made}");
        format!("{sandbox}/contexts/{}", text(&made, "id"))
    }

    /// Waits until nothing runs and no sandbox is kept.
    pub async fn idle(&self) {
        for _ in 0..200 {
            let (_, ready) = self.get("/readyz").await;
            if ready["queue"]["admitted"] == 0 && ready["sandboxes"] == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("something goes on: {:?}", self.get("/readyz").await);
    }
}

impl Server {
    /// Waits until this many sandboxes are ready, and it has run something.
    pub async fn warm(&self, count: u32) {
        let (_, outcome) = self.post("/v1/executions", serde_json::json!({"code": "print(1)"})).await;
        assert_eq!(outcome["stdout"], "1\n", "{outcome}");
        let series = format!("belljar_sandboxes_warm {count}\n");
        for _ in 0..400 {
            let figures = self.request(Method::GET, "/metrics").send().await.expect("an answer");
            if figures.text().await.expect("a body").contains(&series) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("never {count} sandboxes ready");
    }

    /// Waits for its end; gives back the exit code.
    pub async fn end(&mut self) -> Option<i32> {
        for _ in 0..600 {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("it goes on");
    }

    /// Locks of servers in its data folder.
    pub fn locks(&self) -> usize {
        std::fs::read_dir(self.folder.path().join("servers")).map_or(0, Iterator::count)
    }
}

/// Sends a signal to a server.
pub fn signal(server: &Server, signal: Signal) {
    kill_process(Pid::from_child(&server.child), signal).expect("signal");
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client that speaks to this machine.
pub fn client() -> Client {
    // Also a client that encrypts nothing wants to know how it would.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // One time for everything: not half of it for bytes that a busy server reads late.
    Client::builder()
        .no_proxy()
        .tcp_user_timeout(None)
        .timeout(Duration::from_secs(60))
        .build()
        .expect("a client")
}

/// A data folder with the templates of everybody, and nothing else.
pub fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(shared) = std::env::var_os("BELLJAR_DATA_DIR") else { return folder };
    for name in ["templates", "drivers", "tools"] {
        let from = Path::new(&shared).join(name);
        std::fs::create_dir_all(&from).expect("a folder");
        std::os::unix::fs::symlink(from, folder.path().join(name)).expect("a link");
    }
    folder
}

/// Status and JSON; `null` where there is no body.
pub async fn json(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let bytes = response.bytes().await.expect("a body");
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

/// A text of a JSON object.
pub fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no {name}: {value}")).to_owned()
}

/// Events as they came: id, name, data.
pub fn events(body: &str) -> Vec<(u64, String, Value)> {
    let field =
        |block: &str, name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
    let event = |block: &str| {
        let id = field(block, "id: ")?.parse().ok()?;
        Some((id, field(block, "event: ")?, serde_json::from_str(&field(block, "data: ")?).ok()?))
    };
    body.split("\n\n").filter_map(event).collect()
}
