//! `cargo xtask bench serve`: what HTTP costs. Starts a server with warm sandboxes; the bench program of the interpreter
//! asks it and does the same in process, in turns.

use super::options::parse;
use super::{data_dir, in_process, judge, rows};
use crate::command::{cargo, run as run_command, target_dir};
use anyhow::{Context, Result};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// As the bench program expects.
const WARM: &str = "4";
const SAMPLES: usize = 200;
/// What a server needs of a data folder; its journal is its own.
const SHOWN: [&str; 3] = ["templates", "drivers", "tools"];

/// Runs both rows, prints the table; `--check` fails when the target is missed.
pub fn run(words: &[&str]) -> Result<()> {
    let options = parse(words, &["--json", "--check", "--samples"])?;
    let (server, data_dir) = Server::built("python")?;
    let mut command = in_process("belljar-interpreter", "run", &data_dir);
    command.args(["serve", &server.address, &options.samples.unwrap_or(SAMPLES).to_string()]);
    let rows = rows(command)?;
    drop(server);
    judge(&rows, &options)
}

/// A server with a data folder of its own.
pub struct Server {
    child: Child,
    /// `HOST:PORT`.
    pub address: String,
    _folder: Folder,
}

impl Server {
    /// Builds the server and a template, and starts it with warm sandboxes of that, for every door. Gives the data folder with
    /// the templates too.
    pub fn built(template: &str) -> Result<(Server, PathBuf)> {
        run_command(cargo(&["build", "--release", "--locked", "--package", "belljar"]))?;
        let target = target_dir()?;
        let (belljar, data_dir) = (target.join("release/belljar"), data_dir(&target));
        let mut build = Command::new(&belljar);
        build.args(["template", "build", template]).env("BELLJAR_DATA_DIR", &data_dir);
        run_command(build)?;
        Ok((Server::start(&belljar, &data_dir, template)?, data_dir))
    }

    fn start(belljar: &Path, data_dir: &Path, template: &str) -> Result<Server> {
        let folder = Folder::new(data_dir)?;
        let mut command = Command::new(belljar);
        command.arg("--data-dir").arg(&folder.0);
        command.args(["serve", "--listen", "127.0.0.1:0", "--template", template]);
        command.args(["--warm", WARM, "--e2b-warm", WARM, "--warm-max", WARM]);
        // As servers run, but for a terminal that would have to show every request.
        command.env("BELLJAR_LOG", "warn").stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().context("start the server")?;
        let mut lines = BufReader::new(child.stderr.take().context("read what it says")?).lines();
        let address = loop {
            let line = lines.next().context("the server ended")??;
            if let Some(rest) = line.strip_prefix("listening on http://") {
                break rest.split(' ').next().unwrap_or_default().to_owned();
            }
            eprintln!("{line}");
        };
        std::thread::spawn(move || lines.map_while(|line| line.ok()).for_each(|line| eprintln!("{line}")));
        Ok(Server { child, address, _folder: folder })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Removed on drop.
struct Folder(PathBuf);

impl Folder {
    fn new(data_dir: &Path) -> Result<Folder> {
        let path = std::env::temp_dir().join(format!("belljar-bench-{}", std::process::id()));
        std::fs::create_dir(&path).with_context(|| format!("make {}", path.display()))?;
        for name in SHOWN {
            std::os::unix::fs::symlink(data_dir.join(name), path.join(name)).context("link a folder")?;
        }
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
