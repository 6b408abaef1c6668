//! A client that writes the protocol by hand, so that nothing stands between a test and the wire.

use crate::program::belljar;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A server that was started, and the lines that it writes.
pub struct Client {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<Value>,
    sent: u64,
    /// Notifications that came so far, and when.
    pub told: Vec<(Instant, Value)>,
}

impl Client {
    /// Starts a server with small sandboxes and says hello as clients of 2025-11-25 do.
    pub fn start(args: &[&str]) -> Client {
        let mut client = Client::silent(args);
        client.hello("2025-11-25");
        client
    }

    /// Starts a server and says nothing.
    pub fn silent(args: &[&str]) -> Client {
        let memory = if args.contains(&"--memory") { &[][..] } else { &["--memory", "256M"] };
        let small = ["mcp", "--template", "python"];
        let mut child = belljar()
            .args(small)
            .args(memory)
            .args(args)
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let stdin = child.stdin.take();
        Client { child, stdin, lines, sent: 0, told: Vec::new() }
    }

    /// The handshake; what the server answers to it.
    pub fn hello(&mut self, version: &str) -> Value {
        let client = json!({ "name": "by hand", "version": "1" });
        let params = json!({ "protocolVersion": version, "capabilities": {}, "clientInfo": client });
        let answer = self.ask("initialize", params);
        self.write(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        answer["result"].clone()
    }

    /// Sends a request and does not wait for its answer.
    pub fn send(&mut self, method: &str, params: Value) -> u64 {
        self.sent += 1;
        self.write(&json!({ "jsonrpc": "2.0", "id": self.sent, "method": method, "params": params }));
        self.sent
    }

    /// Sends a call of a tool whose progress is told under its own id.
    pub fn send_call(&mut self, tool: &str, arguments: Value) -> u64 {
        let meta = json!({ "progressToken": self.sent + 1 });
        self.send("tools/call", json!({ "name": tool, "arguments": arguments, "_meta": meta }))
    }

    /// Gives up a request.
    pub fn cancel(&mut self, id: u64) {
        let params = json!({ "requestId": id, "reason": "no more interest" });
        self.write(&json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params }));
    }

    /// The answer to a request.
    pub fn answer(&mut self, id: u64) -> Value {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).expect("an answer");
            if line["id"] == id {
                return line;
            }
            assert!(line.get("method").is_some(), "nobody asked for {line}");
            self.told.push((Instant::now(), line));
        }
    }

    /// The next answer, to whatever request.
    pub fn next_answer(&mut self) -> Value {
        let line = self.lines.recv_timeout(PATIENCE).expect("an answer");
        assert!(line.get("id").is_some(), "{line}");
        line
    }

    /// Waits for the next notification.
    pub fn heard(&mut self) -> Value {
        let line = self.lines.recv_timeout(PATIENCE).expect("a notification");
        assert!(line.get("id").is_none(), "{line}");
        line
    }

    /// A request and its answer.
    pub fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.send(method, params);
        self.answer(id)
    }

    /// A call of a tool and its result.
    pub fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let answer = self.ask("tools/call", json!({ "name": tool, "arguments": arguments }));
        let result = answer["result"].clone();
        assert!(result.is_object(), "{answer}");
        result
    }

    /// A new sandbox.
    pub fn sandbox(&mut self, arguments: Value) -> String {
        let made = self.call("create_sandbox", arguments);
        made["structuredContent"]["sandbox"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
    }

    /// Closes standard input; the exit code, and how long the server took to end.
    pub fn close(&mut self) -> (Option<i32>, Duration) {
        drop(self.stdin.take());
        let since = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status.code(), since.elapsed());
            }
            assert!(since.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The server's process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Writes a line.
    pub fn write(&mut self, message: &Value) {
        let input = self.stdin.as_mut().expect("it is open");
        writeln!(input, "{message}").and_then(|()| input.flush()).expect("the server reads");
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The text of a result's first block.
pub fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text first: {result}"))
}

/// Processes of this machine whose command line contains this.
pub fn processes(part: &str) -> usize {
    let entries = std::fs::read_dir("/proc").unwrap().map_while(Result::ok);
    let lines = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| String::from_utf8_lossy(line).replace('\0', " ").contains(part)).count()
}

/// Waits until something holds.
pub fn until(what: &str, most: Duration, mut holds: impl FnMut() -> bool) -> Duration {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < most, "{what}: not after {most:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
    since.elapsed()
}
