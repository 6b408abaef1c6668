//! Running a tool (uv, pip, Python) for a build: with our umask, our lock, a cleaned environment, and its output read
//! line by line. It leaves the meaning of lines and failures to those who ask.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

/// Lines of output that a failure shows.
const TAIL_LINES: usize = 30;

/// Settings of the user that would make a build install something else, or elsewhere. Settings of where packages come
/// from stay.
const REMOVED: [&str; 25] = [
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONSTARTUP",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONPYCACHEPREFIX",
    "PYTHONUSERBASE",
    "PYTHONOPTIMIZE",
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_ROOT",
    "PIP_USER",
    "PIP_PYTHON",
    "PIP_REQUIRE_VIRTUALENV",
    "PIP_CONSTRAINT",
    "PIP_REQUIREMENT",
    "PIP_DRY_RUN",
    "PIP_QUIET",
    "UV_PYTHON",
    "UV_SYSTEM_PYTHON",
    "UV_CONSTRAINT",
    "UV_OVERRIDE",
    "UV_COMPILE_BYTECODE",
    "FORCE_COLOR",
];

/// What a failed tool said last.
#[derive(Debug)]
pub(super) struct Failure {
    pub status: ExitStatus,
    pub tail: String,
}

/// A program with arguments and what it needs around it.
pub(super) struct Tool {
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(&'static str, OsString)>,
}

impl Tool {
    pub fn new(program: impl AsRef<OsStr>) -> Tool {
        let program = program.as_ref().to_owned();
        let env =
            vec![("LC_ALL", "C.UTF-8".into()), ("NO_COLOR", "1".into()), ("PYTHONUNBUFFERED", "1".into())];
        Tool { program, args: Vec::new(), env }
    }

    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Tool {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Tool {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    pub fn env(mut self, name: &'static str, value: impl AsRef<OsStr>) -> Tool {
        self.env.push((name, value.as_ref().to_owned()));
        self
    }

    /// Sets a variable unless the user did.
    pub fn env_default(self, name: &'static str, value: impl AsRef<OsStr>) -> Tool {
        if std::env::var_os(name).is_some() { self } else { self.env(name, value) }
    }

    /// Runs it in `folder` to its end. It holds `lock` as long as it lives; `line` gets every line of its output.
    pub fn run(
        &self,
        folder: &Path,
        lock: &File,
        line: &mut dyn FnMut(&str),
    ) -> io::Result<Result<(), Failure>> {
        let mut child = Command::new("/bin/sh")
            .args(["-c", "umask 022; exec \"$@\" 2>&1", "sh"])
            .arg(&self.program)
            .args(&self.args)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .without(&REMOVED)
            .current_dir(folder)
            .stdin(Stdio::from(lock.try_clone()?))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut tail = VecDeque::new();
        let read = child.stdout.take().map_or(Ok(()), |output| read_lines(output, line, &mut tail));
        let status = child.wait()?;
        read?;
        let tail: Vec<String> = tail.into();
        Ok(if status.success() { Ok(()) } else { Err(Failure { status, tail: tail.join("\n") }) })
    }
}

trait Without {
    fn without(&mut self, names: &[&str]) -> &mut Self;
}

impl Without for Command {
    fn without(&mut self, names: &[&str]) -> &mut Self {
        names.iter().for_each(|name| {
            self.env_remove(name);
        });
        self
    }
}

fn read_lines(
    output: impl io::Read,
    line: &mut dyn FnMut(&str),
    tail: &mut VecDeque<String>,
) -> io::Result<()> {
    let mut reader = BufReader::new(output);
    let mut bytes = Vec::new();
    while reader.read_until(b'\n', &mut bytes)? > 0 {
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_end();
        line(text);
        if !text.starts_with('@') {
            tail.push_back(text.to_owned());
        }
        if tail.len() > TAIL_LINES {
            tail.pop_front();
        }
        bytes.clear();
    }
    Ok(())
}
