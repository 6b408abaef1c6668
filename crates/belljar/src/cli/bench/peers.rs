//! What is measured against: programs that run the same code without Belljar.

use super::memory::Memory;
use super::scene::{cannot, template_python};
use super::{Miss, Site};
use crate::cli::options::configured;
use interpreter::{Interpreter, Settings};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A bare Python.
pub const PYTHON: &str = "/usr/bin/python3";
/// The smallest program.
pub const SMALL: &str = "print(2+2)";
/// What that prints.
pub const SMALL_PRINTS: &str = "4\n";
/// Work as models ask for it.
pub const PANDAS: &str = "import pandas, numpy, matplotlib.pyplot
frame = pandas.DataFrame({'key': list('abcab'), 'value': numpy.arange(5)})
print(frame.groupby('key').value.sum().to_dict())";
/// What that prints.
pub const PANDAS_PRINTS: &str = "{'a': 3, 'b': 5, 'c': 2}\n";
const JUPYTER: &str = include_str!("jupyter.py");
/// Where images of templates have their Python.
const IMAGE_PYTHON: &str = "/.belljar/template/bin/python3";

/// The same Python behind bubblewrap, with as many namespaces as it has.
pub fn bubblewrap() -> Result<Command, Miss> {
    if !is_on_path("bwrap") {
        return Err(Miss::LeftOut("bwrap is not installed".to_owned()));
    }
    let mut command = Command::new("bwrap");
    command.args([
        "--ro-bind",
        "/",
        "/",
        "--dev",
        "/dev",
        "--proc",
        "/proc",
        "--tmpfs",
        "/tmp",
        "--unshare-all",
    ]);
    command.args(["--die-with-parent", PYTHON, "-c", SMALL]);
    Ok(command)
}

/// A plain container of a template's image.
pub async fn docker(site: &Site, template: &str) -> Result<Command, Miss> {
    let asked = Command::new("docker")
        .args(["version", "--format", "{{.Server.Version}}"])
        .stderr(Stdio::null())
        .output();
    if !asked.is_ok_and(|output| output.status.success()) {
        return Err(Miss::LeftOut("no Docker engine answers".to_owned()));
    }
    let settings = Settings { backend: Some("oci".to_owned()), ..configured(site)? };
    let interpreter = Interpreter::open(settings).map_err(cannot)?;
    let template = site.store()?.ensure(template, &()).map_err(cannot)?;
    for backend in interpreter.backends() {
        if let Some(image) = backend.prepare(&template, false).await.map_err(|error| error.message)? {
            let mut command = Command::new("docker");
            command.args(["run", "--rm", "--network", "none", &image, IMAGE_PYTHON, "-c", SMALL]);
            return Ok(command);
        }
    }
    Err(Miss::LeftOut("the engine has no image of the template".to_owned()))
}

fn is_on_path(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

/// Jupyter's kernels, with Jupyter's own client.
pub struct Jupyter {
    client: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Jupyter {
    /// Starts the client; installs it first, as a template, where it is not there.
    pub fn open(site: &Site) -> Result<Jupyter, Miss> {
        Ok(Jupyter::start(&template_python(site, "jupyter")?)?)
    }

    fn start(python: &Path) -> Result<Jupyter, String> {
        let mut command = Command::new(python);
        command.args(["-c", JUPYTER]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut client =
            command.spawn().map_err(|error| format!("cannot start Jupyter's client: {error}"))?;
        let pipes = client.stdin.take().zip(client.stdout.take());
        let (orders, answers) = pipes.ok_or("Jupyter's client has no pipes")?;
        Ok(Jupyter { client, orders, answers: BufReader::new(answers) })
    }

    fn ask(&mut self, order: &str) -> Result<Vec<f64>, String> {
        let lost = |error: std::io::Error| format!("Jupyter's client ended: {error}");
        writeln!(self.orders, "{order}").map_err(lost)?;
        let mut line = String::new();
        self.answers.read_line(&mut line).map_err(lost)?;
        let numbers = line
            .split_whitespace()
            .map(|word| word.parse().map_err(|_| format!("Jupyter's client said {line:?}")));
        numbers.collect()
    }

    /// Milliseconds of one kernel until its first reply. It ends before this returns.
    pub fn begin(&mut self) -> Result<f64, String> {
        self.ask("begin")?.first().copied().ok_or_else(|| "Jupyter's client ended".to_owned())
    }

    /// Memory of so many kernels that have imported pandas.
    pub fn memory(&mut self, kernels: usize) -> Result<Memory, Miss> {
        let pids: Vec<u32> = self.ask(&format!("live {kernels}"))?.iter().map(|pid| *pid as u32).collect();
        if pids.len() != kernels {
            return Err(Miss::Failed(format!("{} of {kernels} kernels began", pids.len())));
        }
        Memory::of(&pids)
    }
}

impl Drop for Jupyter {
    fn drop(&mut self) {
        // Its kernels end with it.
        let _ = writeln!(self.orders, "end");
        let _ = self.client.wait();
    }
}
