//! One door for all programs, and the course of each: a new sandbox, the program, what comes next, the end.

use crate::program::Program;
use crate::{FORKS, afterwards, host, subject};
use interpreter::{
    Caller, Context, ContextRequest, Error, ExecuteRequest, ForkRequest, Interpreter, Place, Preload,
    Sandbox, SandboxRequest,
};
use protocol::{Category, Language, Level, Limits, Outcome, Status, Wall};
use std::sync::Arc;
use tokio::runtime::Runtime;
use tokio::sync::Mutex;

/// What became of a program, when nothing is wrong.
pub enum Run {
    /// It ran, and all is as it should be.
    Done,
    /// It cannot run here: what is missing, and why.
    Skipped(&'static str, String),
}

/// The door, with zygotes that stay warm from one program to the next.
pub struct Scene {
    /// Drives everything.
    pub runtime: Runtime,
    interpreter: Interpreter,
    /// Python runs in forks of contexts.
    forks: bool,
}

/// Rooms are made one at a time, so that it is known which one is whose.
static MAKING: Mutex<()> = Mutex::const_new(());

/// A sandbox with its first process on the host.
pub struct Stage {
    /// The sandbox.
    pub sandbox: Arc<Sandbox>,
    /// Pid 1 of its room, or the kernel in user space that it has.
    pub room: host::Process,
    /// What its control groups are called.
    container: String,
}

impl Scene {
    /// Opens the door; what is missing for it, and why, where it cannot be used here.
    pub fn open(name: &str) -> Result<Scene, (&'static str, String)> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.unwrap_or_else(|error| panic!("{name}: {error}"));
        let forks = name == FORKS;
        let name = if forks { "native" } else { name };
        let interpreter = subject::open(name, Preload::Full);
        match subject::hindrance(name, &interpreter) {
            None => Ok(Scene { runtime, interpreter, forks }),
            Some(hindrance) => Err(hindrance),
        }
    }

    async fn stage(&self, limits: Limits, template: &str) -> Result<Stage, Error> {
        let request =
            SandboxRequest { template: Some(template.to_owned()), limits, ..SandboxRequest::default() };
        let _turn = MAKING.lock().await;
        let before = host::rooms();
        let sandbox = self.interpreter.create_sandbox(&Caller::local(), request).await?;
        if let Some((room, container)) = host::container(sandbox.id().as_str()) {
            return Ok(Stage { sandbox, room, container });
        }
        let new: Vec<_> = host::rooms().difference(&before).copied().collect();
        let [room] = new[..] else { panic!("one new room was expected, there are {new:?}") };
        let container = sandbox.id().to_string();
        Ok(Stage { sandbox, room, container })
    }

    async fn execute(
        &self,
        stage: &Stage,
        code: impl Into<Vec<u8>>,
        language: Language,
    ) -> Result<(Outcome, Option<Arc<Context>>), Error> {
        let place = match self.forks && language == Language::Python {
            true => {
                let parent = stage.sandbox.create_context(ContextRequest::default()).await?;
                let first = ExecuteRequest::new("", language, Place::Context(parent.clone()));
                self.interpreter.execute(&Caller::local(), first).await?.outcome().await;
                Place::Context(parent.fork(ForkRequest::default()).await?.contexts.remove(0))
            }
            false => Place::Sandbox(stage.sandbox.clone()),
        };
        let request = ExecuteRequest::new(code, language, place);
        let execution = self.interpreter.execute(&Caller::local(), request).await?;
        let (id, context) = (execution.id().clone(), execution.context());
        let outcome = execution.outcome().await;
        assert_eq!(outcome.id, id, "an outcome of another execution");
        Ok((outcome, context))
    }

    /// Runs a program and looks at everything that it may have touched.
    pub async fn run(&self, program: &Program) -> Result<Run, String> {
        if self.forks && program.language != Language::Python {
            return Ok(Run::Done);
        }
        if program.language == Language::Javascript && !has_node() {
            return Ok(Run::Skipped("node", "there is no node on this host".into()));
        }
        let stage = match self.stage(program.limits.clone(), program.template).await {
            Ok(stage) => stage,
            Err(error) if error.code() == "offline" => {
                let why = format!("the template {} is not built and there is no network", program.template);
                return Ok(Run::Skipped("network", why));
            }
            Err(error) => return Err(format!("cannot {error}")),
        };
        let walls = stage.sandbox.isolation().walls;
        if let Some(wall) = program.wall.filter(|wall| !walls.contains(wall)) {
            return Ok(Run::Skipped("cgroup", format!("this host does not give the wall {wall}")));
        }
        let own_kernel = stage.sandbox.isolation().level != Level::SharedKernel;
        if let Some(why) = program.shared_kernel_only.as_ref().filter(|_| own_kernel) {
            return Ok(Run::Skipped("user-kernel", why.clone()));
        }
        let grouped = host::groups(&stage.container);
        if walls.contains(&Wall::Cgroup) == grouped.is_empty() {
            return Err(format!("the walls are {walls:?}, the control groups {grouped:?}"));
        }
        let outcome = self.execute(&stage, program.code.as_str(), program.language).await;
        // While its context lives, so does what the program left behind.
        let (outcome, _context) = outcome.map_err(|error| format!("cannot {error}"))?;
        judge(program, own_kernel, &outcome)?;
        afterwards::check(program, &stage, &outcome).await?;
        // A kernel in user space is one process: what ends all of it, or keeps it busy, ends the sandbox.
        let ends = [Status::OutOfMemory, Status::Timeout, Status::Lost];
        let ended = own_kernel && ends.contains(&outcome.status);
        if !ended || stage.sandbox.is_alive() {
            self.same_sandbox(program, &stage, own_kernel).await?;
        }
        let room = stage.room;
        self.end(stage).await?;
        tokio::task::block_in_place(|| afterwards::check_host(program, room))?;
        self.other_sandbox(program).await?;
        Ok(Run::Done)
    }

    /// The sandbox goes on, and tells the next execution nothing that is not its own. A kernel in user space that stands
    /// still after an attack of which that is known may say, in time, that it does not go on.
    async fn same_sandbox(&self, program: &Program, stage: &Stage, own_kernel: bool) -> Result<(), String> {
        if !stage.sandbox.is_alive() && program.outcomes.contains(&Status::Lost) {
            return Ok(());
        }
        let next = self.execute(stage, hello(program.language), program.language).await;
        let stalls = own_kernel && program.user_kernel.contains(&Status::Timeout);
        let (outcome, _) = match next {
            Err(_) if stalls => return Ok(()),
            // What an attack left behind may leave no room for a fork, or end one on its way.
            Err(Error::ForkRefused { .. }) if !program.is_benign() => return Ok(()),
            next => next.map_err(|error| format!("next in the same sandbox: cannot {error}"))?,
        };
        let category = outcome.error.as_ref().map(|error| error.category);
        // What an attack left running, or in its variables, may leave no room.
        let full = !program.is_benign() && matches!(category, Some(Category::Limit | Category::OutOfMemory));
        let stalled = stalls && category == Some(Category::Sandbox);
        if full || stalled || is_hello(&outcome) {
            return Ok(());
        }
        Err(format!("next in the same sandbox: {}", told(&outcome)))
    }

    /// Whoever comes next in another sandbox notices nothing.
    async fn other_sandbox(&self, program: &Program) -> Result<(), String> {
        let stage = self.stage(Limits::default(), program.template).await;
        let stage = stage.map_err(|error| format!("next in another sandbox: cannot {error}"))?;
        let outcome = self.execute(&stage, hello(program.language), program.language).await;
        let (outcome, _) = outcome.map_err(|error| format!("next in another sandbox: cannot {error}"))?;
        if !is_hello(&outcome) {
            return Err(format!("next in another sandbox: {}", told(&outcome)));
        }
        self.end(stage).await
    }

    /// Destroys a sandbox; the host has nothing left of it then.
    async fn end(&self, stage: Stage) -> Result<(), String> {
        let inhabitants = host::inhabitants(stage.room);
        stage.sandbox.destroy().await;
        tokio::task::block_in_place(|| host::nothing_left(&stage.container, &inhabitants))
    }
}

fn has_node() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join("node").is_file())
}

fn hello(language: Language) -> &'static str {
    match language {
        Language::Python => "print('hello')",
        Language::Bash => "echo hello",
        Language::Javascript | Language::Typescript => "console.log('hello')",
        Language::R => "cat('hello\\n')",
    }
}

fn is_hello(outcome: &Outcome) -> bool {
    outcome.status == Status::Ok && outcome.stdout == "hello\n" && outcome.results.is_empty()
}

fn judge(program: &Program, own_kernel: bool, outcome: &Outcome) -> Result<(), String> {
    let also = own_kernel && program.user_kernel.contains(&outcome.status);
    if !program.outcomes.contains(&outcome.status) && !also {
        return Err(format!("it ended otherwise: {}", told(outcome)));
    }
    let last = outcome.stdout.trim_end().lines().last();
    match program.last_line {
        Some(line) if outcome.status == Status::Ok && last != Some(line) => {
            Err(format!("it did not say {line}: {}", told(outcome)))
        }
        _ => Ok(()),
    }
}

/// An outcome for people.
pub fn told(outcome: &Outcome) -> String {
    let end = |text: &str| text.chars().skip(text.chars().count().saturating_sub(1500)).collect::<String>();
    let error = outcome.error.as_ref().map(|error| {
        let lines = &error.traceback[error.traceback.len().saturating_sub(8)..];
        format!("{:?} {}: {}\n{}", error.category, error.name, error.message, lines.join("\n"))
    });
    format!(
        "{:?}, exit code {}, after {:.0} ms\nerror: {}\nstdout: {}\nstderr: {}",
        outcome.status,
        outcome.exit_code,
        outcome.usage.wall_ms,
        error.unwrap_or_default(),
        end(&outcome.stdout),
        end(&outcome.stderr)
    )
}
