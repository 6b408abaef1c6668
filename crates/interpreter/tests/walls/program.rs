//! A program with the lines at its head: what it promises, how it may end, what it may use and what it needs.

use interpreter::template::Recipe;
use protocol::{Language, Limits, Status, Wall, parse_size};
use std::path::Path;

/// What a program is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It attacks, and must not come through.
    Escape,
    /// It works, and must not be hindered.
    Benign,
}

impl Kind {
    /// Its folder below `tests`.
    pub fn folder(self) -> &'static str {
        match self {
            Kind::Escape => "escape",
            Kind::Benign => "benign",
        }
    }

    fn last_line(self) -> &'static str {
        match self {
            Kind::Escape => "HELD",
            Kind::Benign => "WORKS",
        }
    }
}

/// A program and what must become of it.
#[derive(Debug)]
pub struct Program {
    /// The file's name without its ending.
    pub name: String,
    kind: Kind,
    /// The code, with its head.
    pub code: String,
    /// By the file's ending.
    pub language: Language,
    /// What holds if the test passes.
    pub promise: String,
    /// Ways in which it may end.
    pub outcomes: Vec<Status>,
    /// What its sandbox may use.
    pub limits: Limits,
    /// The smallest template that has the modules it needs.
    pub template: &'static str,
    /// A wall that some hosts do not give, without which it says nothing.
    pub wall: Option<Wall>,
    /// Further ways in which it may end behind a kernel in user space.
    pub user_kernel: Vec<Status>,
    /// Why it says nothing behind a kernel of the sandbox's own.
    pub shared_kernel_only: Option<String>,
    /// What it prints last when it ends well.
    pub last_line: Option<&'static str>,
}

impl Program {
    /// Reads a program and its head.
    pub fn read(kind: Kind, path: &Path) -> Result<Program, String> {
        let code = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
        let ending = path.extension().unwrap_or_default().to_string_lossy();
        let language: Language = ending.parse().map_err(|error| format!("cannot {error}"))?;
        let mark = if language == Language::Javascript { "// " } else { "# " };
        let mut program = Program {
            name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            kind,
            language,
            promise: String::new(),
            outcomes: Vec::new(),
            limits: Limits::default(),
            template: "python",
            wall: None,
            user_kernel: Vec::new(),
            shared_kernel_only: None,
            last_line: Some(kind.last_line()),
            code: String::new(),
        };
        for line in code.lines().map_while(|line| line.strip_prefix(mark)) {
            program.take(line)?;
        }
        if program.promise.is_empty() || program.outcomes.is_empty() {
            return Err("the head has no promise or no outcome".into());
        }
        Ok(Program { code, ..program })
    }

    fn take(&mut self, line: &str) -> Result<(), String> {
        let Some((key, value)) = line.split_once(": ").filter(|(key, _)| !key.contains(' ')) else {
            return Ok(());
        };
        match key {
            "promise" => value.clone_into(&mut self.promise),
            "outcome" => self.outcomes = value.split('|').map(word).collect::<Result<_, _>>()?,
            "user-kernel" => self.user_kernel = value.split('|').map(word).collect::<Result<_, _>>()?,
            "shared-kernel-only" => self.shared_kernel_only = Some(value.to_owned()),
            "limits" => value.split(' ').try_for_each(|limit| set(&mut self.limits, limit))?,
            "needs" => self.template = template(value)?,
            "needs-wall" => self.wall = Some(word(value)?),
            "says" if value == "nothing" => self.last_line = None,
            _ => return Err(format!("the head has an unknown line: {line}")),
        }
        Ok(())
    }

    /// Whether it works; the alternative is that it attacks.
    pub fn is_benign(&self) -> bool {
        self.kind == Kind::Benign
    }
}

/// One of our words, as it stands in JSON.
fn word<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(text.into()).map_err(|error| error.to_string())
}

fn set(limits: &mut Limits, text: &str) -> Result<(), String> {
    let (key, value) = text.split_once('=').ok_or_else(|| format!("{text} is no limit"))?;
    let number = parse_size(value).map_err(|error| format!("cannot {error}"))?;
    let small = || u32::try_from(number).map_err(|error| error.to_string());
    match key {
        "timeout" => limits.timeout_ms = number * 1000,
        "cpu" => limits.cpu_ms = Some(number * 1000),
        "memory" => limits.memory_bytes = number,
        "pids" => limits.pids = small()?,
        "disk" => limits.disk_bytes = number,
        "inodes" => limits.inodes = number,
        "open_files" => limits.open_files = number,
        "output" => limits.output_bytes = number,
        _ => return Err(format!("there is no limit {key}")),
    }
    Ok(())
}

fn template(modules: &str) -> Result<&'static str, String> {
    let has = |recipe: &Recipe, module: &str| {
        recipe.imports.iter().any(|import| import.split('.').next() == Some(module))
    };
    let all = Recipe::all();
    let found = all.iter().find(|recipe| modules.split_whitespace().all(|module| has(recipe, module)));
    found.map(|recipe| recipe.name).ok_or_else(|| format!("no template has all of {modules}"))
}
