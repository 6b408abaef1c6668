//! A server, and programs of the SDKs that speak to it.

use crate::{node, sdks, server::Server};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// Any key does where none is needed.
pub const ANY_KEY: &str = "e2b_0000000000000000000000000000000000000000";

/// A server whose sandboxes have what E2B's code interpreter has; `None` where no code can run here.
pub fn server() -> Option<Server> {
    Server::start(&["--template", "code-interpreter", "--no-journal"])
}

/// Where a program of the SDKs finds the server, as in anybody's environment.
pub fn environment<'a>(command: &'a mut Command, server: &Server, key: &str) -> &'a mut Command {
    let url = format!("http://{}", server.address);
    for proxy in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        command.env_remove(proxy);
    }
    command.env("E2B_API_KEY", key).env("E2B_API_URL", &url).env("E2B_SANDBOX_URL", &url)
}

fn tests(language: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2b").join(language)
}

/// Runs one file of tests with a Python that has the SDK, against a server and with this key.
pub fn unittest(python: &mut Command, file: &str, (server, key): (&Server, &str)) {
    python.args(["-W", "ignore", "-m", "unittest", "-v", file]).current_dir(tests("python"));
    python.env("PYTHONDONTWRITEBYTECODE", "1");
    passed(environment(python, server, key));
}

/// A domain of a server's own: TLS before it, and names that lead here.
pub struct Domain {
    front: Child,
    /// With the port.
    name: String,
    folder: TempDir,
}

impl Domain {
    /// A domain without a server behind it yet.
    fn open() -> Domain {
        let folder = tempfile::tempdir().unwrap();
        let [certificate, key] = ["certificate.pem", "key.pem"].map(|name| folder.path().join(name));
        let mut openssl = Command::new("openssl");
        openssl.args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=sandboxes.localhost",
        ]);
        openssl.args(["-addext", "subjectAltName=DNS:*.sandboxes.localhost"]);
        // Clients trust it as it is; some of them take no certificate of an authority for a server's.
        openssl.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
        openssl.arg("-keyout").arg(&key).arg("-out").arg(&certificate);
        let made = openssl.output().expect("openssl is installed");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut front = Command::new("python3");
        front.arg(tests("python").join("tls_front.py")).args([&certificate, &key]);
        let mut front = front.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut port = String::new();
        BufReader::new(front.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Domain { front, name: format!("sandboxes.localhost:{}", port.trim()), folder }
    }

    /// A server behind it.
    fn server(&mut self) -> Option<Server> {
        let options = ["--template", "code-interpreter", "--no-journal", "--e2b-domain", &self.name];
        let server = Server::start(&options)?;
        writeln!(self.front.stdin.as_mut().unwrap(), "{}", server.address).unwrap();
        Some(server)
    }

    /// Leads a program of the SDKs there by this alone.
    fn lead<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let certificate = self.folder.path().join("certificate.pem");
        command.env_remove("E2B_API_URL").env_remove("E2B_SANDBOX_URL");
        command.env("E2B_DOMAIN", &self.name).env("E2B_API_KEY", ANY_KEY);
        command.env("SSL_CERT_FILE", &certificate).env("NODE_EXTRA_CA_CERTS", &certificate)
    }
}

impl Drop for Domain {
    fn drop(&mut self) {
        drop(self.front.stdin.take());
        let _ = self.front.kill();
        let _ = self.front.wait();
    }
}

/// Runs one file of tests with this version of the Python SDK, which finds the server by a domain.
pub fn python_by_domain(version: &str, file: &str) {
    let Some(python) = sdks::python(&format!("e2b-{version}")) else { return };
    let mut domain = Domain::open();
    let Some(server) = domain.server() else { return };
    let mut python = Command::new(python);
    python
        .args(["-W", "ignore", "-m", "unittest", "-v", &format!("test_{file}")])
        .current_dir(tests("python"));
    passed(domain.lead(python.env("PYTHONDONTWRITEBYTECODE", "1")));
    nothing_left(&server);
}

/// Runs one file of tests with this version of the JavaScript SDK, which finds the server by a domain.
pub fn javascript_by_domain(version: &str, file: &str) {
    let Some(place) = node::place(&format!("e2b-js-{version}")) else { return };
    let mut domain = Domain::open();
    let Some(server) = domain.server() else { return };
    let mut command = place.node();
    command.arg("--require").arg(tests("javascript").join("names.cjs"));
    command.args(["--test", "--test-force-exit", "--test-reporter=spec"]);
    command.arg(tests("javascript").join(format!("{file}.test.cjs"))).env("NODE_PATH", place.modules());
    passed(domain.lead(&mut command));
    nothing_left(&server);
}

/// Runs one file of tests with this version of the Python SDK.
pub fn python(version: &str, file: &str) {
    let Some(python) = sdks::python(&format!("e2b-{version}")) else { return };
    let Some(server) = server() else { return };
    unittest(&mut Command::new(python), &format!("test_{file}"), (&server, ANY_KEY));
    nothing_left(&server);
}

/// Runs one file of tests with this version of the JavaScript SDK.
pub fn javascript(version: &str, file: &str) {
    let Some(place) = node::place(&format!("e2b-js-{version}")) else { return };
    let Some(server) = server() else { return };
    let mut command = place.node();
    command.args(["--test", "--test-force-exit", "--test-reporter=spec"]);
    command.arg(tests("javascript").join(format!("{file}.test.cjs"))).env("NODE_PATH", place.modules());
    passed(environment(&mut command, &server, ANY_KEY));
    nothing_left(&server);
}

fn passed(command: &mut Command) {
    println!("{}", said(command));
}

/// What a program prints that ends well.
pub fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let [said, told] =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success(), "{said}\n{told}");
    eprintln!("{told}");
    said
}

/// All sandboxes have ended, with everything that ran in them.
fn nothing_left(server: &Server) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(server.idle());
}
