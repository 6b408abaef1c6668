//! Commands: one program each, run in a sandbox beside its contexts. What it says and how it ends comes as for code.

use crate::{
    Caller, Error, Execution, Interpreter, Sandbox, Stdin,
    check::{self, Checked},
    drive::{Drive, Ends, Plan},
    execution::EVENTS,
    ids,
    interpreter::{FILES_MAX, own},
    request::{check_env, check_output},
    routes::Input,
    runner::{self, Runner},
    stdin,
};
use policy::Policy;
use protocol::{
    ExecutionId, Finding, Language, LimitsError,
    guest::{Caps, Request},
};
use std::{collections::BTreeMap, sync::Arc};
use tokio::sync::{Notify, mpsc};

/// Arguments of one command together, in bytes; the kernel takes no more than 128K in one.
const ARGV_BYTES_MAX: usize = 120 << 10;

/// What a command is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// A line for the shell.
    Shell(String),
    /// A program and its arguments, which no shell reads.
    Argv(Vec<String>),
}

impl Program {
    /// Whether it can be started at all.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let wrong = |why: &str| Err(Error::Request { what: "this command".into(), why: why.into() });
        let words: &[String] = match self {
            Program::Shell(line) => std::slice::from_ref(line),
            Program::Argv(argv) => argv,
        };
        if words.first().is_none_or(String::is_empty) {
            return wrong("it is empty");
        }
        if words.iter().any(|word| word.contains('\0')) {
            return wrong("it contains NUL");
        }
        if words.iter().map(|word| word.len() + 1).sum::<usize>() > ARGV_BYTES_MAX {
            return wrong("it has more than 120K; put what is long into a file, or use standard input");
        }
        Ok(())
    }

    /// What a policy says of it, as Bash.
    pub(crate) async fn judge(&self, policy: &Arc<Policy>) -> Checked {
        let line = match self {
            Program::Shell(line) => line.clone(),
            Program::Argv(argv) => argv.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "),
        };
        check::check(line.as_bytes(), Language::Bash, policy).await
    }

    /// What the guest starts.
    pub(crate) fn argv(self, sandbox: &Sandbox) -> Vec<String> {
        match self {
            Program::Shell(line) => vec![sandbox.programs().bash().to_owned(), "-c".to_owned(), line],
            Program::Argv(argv) => argv,
        }
    }
}

/// One run of a program.
#[derive(Debug)]
pub struct CommandRequest {
    /// The program.
    pub program: Program,
    /// Working directory; the sandbox's workspace where there is none.
    pub cwd: Option<String>,
    /// Environment on top of the sandbox's.
    pub env: BTreeMap<String, String>,
    /// Standard input.
    pub stdin: Stdin,
    /// Wall time in milliseconds; the sandbox's limit where there is none.
    pub timeout_ms: Option<u64>,
    /// Bytes of each stream that are kept; the sandbox's limit where there is none.
    pub output_bytes_max: Option<u64>,
    /// What it may do, as Bash; the interpreter's policy where there is none.
    pub policy: Option<Arc<Policy>>,
}

impl CommandRequest {
    /// A run of `program` in the workspace with the sandbox's limits and without standard input.
    pub fn new(program: Program) -> CommandRequest {
        let (cwd, env, stdin, timeout_ms, output_bytes_max, policy) = Default::default();
        CommandRequest { program, cwd, env, stdin, timeout_ms, output_bytes_max, policy }
    }

    fn check(&self) -> Result<(), Error> {
        self.program.check()?;
        if self.timeout_ms == Some(0) {
            let (name, value) = ("timeout", "0".to_owned());
            return Err(LimitsError { name, value, why: "a timeout is more than 0" }.into());
        }
        check_env(&self.env)?;
        check_output(self.output_bytes_max.unwrap_or(0))
    }
}

impl Interpreter {
    /// Runs a program in a sandbox: the other half of the one door. It is checked by the policy as Bash.
    ///
    /// # Errors
    /// When the request contradicts itself, or the sandbox is another caller's or gone.
    pub async fn command(
        &self,
        caller: &Caller,
        sandbox: &Arc<Sandbox>,
        request: CommandRequest,
    ) -> Result<Execution, Error> {
        own(caller, sandbox)?;
        request.check()?;
        let policy = request.policy.as_ref().unwrap_or(self.policy());
        let checked = request.program.judge(policy).await;
        let id = ExecutionId::from_bits(ids::random());
        match checked.refused {
            Some(verdict) => Ok(Execution::ended(id, Language::Bash, verdict, checked.findings)),
            None => start(id, sandbox, request, checked.findings).await,
        }
    }
}

async fn start(
    id: ExecutionId,
    sandbox: &Arc<Sandbox>,
    request: CommandRequest,
    findings: Vec<Finding>,
) -> Result<Execution, Error> {
    sandbox.greet().await?;
    let plan = plan(sandbox, &request, findings);
    let before = sandbox.measure();
    if plan.cpu_ms.is_some() && before.cpu_ms.is_none() {
        return Err(Error::CpuUnmeasured);
    }
    let routes = &sandbox.wire().routes;
    let frames = routes.add_execution(id.clone());
    let credit = routes.add_input(Input::Command(id.clone()));
    let mut env = sandbox.env().clone();
    env.extend(request.env);
    let order = Request::CommandStart {
        execution: id.clone(),
        argv: request.program.argv(sandbox),
        cwd: request.cwd.unwrap_or_else(|| sandbox.workspace().to_owned()),
        env,
        stdin: matches!(request.stdin, Stdin::Piped(_)),
        caps: plan.caps,
    };
    sandbox.wire().send(&order, &[]).await.map_err(|gone| sandbox.lost(gone))?;
    let runner = Runner::Command(runner::Program::new(sandbox.clone(), id.clone()));
    let stdin = stdin::feed(&runner, &credit, request.stdin);
    let (sender, events) = mpsc::channel(EVENTS);
    let interrupt = Arc::new(Notify::new());
    let ends = Ends { frames, events: sender, interrupt: interrupt.clone(), stdin };
    let execution = Execution::command(id.clone(), sandbox.clone(), events, interrupt);
    tokio::spawn(Drive::new(id, runner, plan, before, ends).run());
    Ok(execution)
}

fn plan(sandbox: &Sandbox, request: &CommandRequest, findings: Vec<Finding>) -> Plan {
    let limits = sandbox.limits();
    let caps = Caps {
        output_bytes: request.output_bytes_max.unwrap_or(limits.output_bytes),
        results: 0,
        results_bytes: 0,
        files: FILES_MAX,
        spill: true,
    };
    let timeout_ms = request.timeout_ms.unwrap_or(limits.timeout_ms);
    Plan { timeout_ms, cpu_ms: limits.cpu_ms, caps, findings, one_shot: false }
}

/// A word as Bash reads it literally.
fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:=@%+,".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_are_quoted_for_the_policy() {
        for (word, text) in [
            ("ls", "ls"),
            ("", "''"),
            ("a b", "'a b'"),
            ("$(id)", "'$(id)'"),
            ("it's", r"'it'\''s'"),
            ("größe", "'größe'"),
            ("--x=1", "--x=1"),
        ] {
            assert_eq!(quoted(word), text);
        }
    }
}
