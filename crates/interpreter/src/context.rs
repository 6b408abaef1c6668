//! A live interpreter in a sandbox. Dropping the last handle ends it.

use crate::{
    ContextRequest, Error, Files, Sandbox,
    backend::Started,
    credit::Credit,
    ids,
    isolation::Inside,
    request::check_env,
    routes::{Input, Life},
    sandbox::{START_MS, Tree},
};
use jail::plan::inside;
use protocol::{
    ContextId, Language,
    guest::{ContextMemory, Launch, Request, Streams},
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::watch;

/// Where code and commands begin.
pub(crate) fn workspace(at_home: bool) -> &'static str {
    if at_home { inside::HOME } else { inside::WORKSPACE }
}

const PYTHON: [&str; 4] = ["/.belljar/template/bin/python", "-I", "-B", "/.belljar/driver/driver.py"];
const BASH: [&str; 3] = ["--noprofile", "--norc", "/.belljar/driver/driver.sh"];
const R: [&str; 3] = ["--noprofile", "--norc", "/.belljar/driver/driver-r.sh"];
const NODE: &str = "/.belljar/driver/driver.js";

/// A live interpreter: language, working directory, variables.
pub struct Context {
    id: ContextId,
    language: Language,
    sandbox: Arc<Sandbox>,
    life: watch::Receiver<Life>,
    inherits: bool,
    busy: AtomicBool,
    stdin_open: AtomicBool,
    input: Arc<Credit>,
    /// Where it is, when that is the tree of a fork.
    tree: Option<Arc<Tree>>,
}

/// How contexts of each language come to be in one sandbox.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    zygote: bool,
    bash: String,
    node: String,
}

impl Programs {
    pub fn of(started: &Started) -> Programs {
        Programs { zygote: started.zygote, bash: started.bash.clone(), node: started.node.clone() }
    }

    /// The shell of commands.
    pub fn bash(&self) -> &str {
        &self.bash
    }

    fn launch(&self, language: Language) -> Launch {
        let command = |argv: &[&str], streams| {
            let argv = argv.iter().map(|&word| word.to_owned()).collect();
            Launch::Command { argv, streams }
        };
        let bash = |argv: &[&'static str]| [&[self.bash.as_str()], argv].concat();
        match language {
            Language::Python if self.zygote => Launch::Zygote,
            Language::Python => command(&PYTHON, Streams::PerExecution),
            Language::Bash => command(&bash(&BASH), Streams::PerContext),
            Language::Javascript => command(&[&self.node, NODE], Streams::PerContext),
            Language::Typescript => command(&[&self.node, NODE, "typescript"], Streams::PerContext),
            Language::R => command(&bash(&R), Streams::PerContext),
        }
    }
}

/// A context that the guest was asked for, and that has no handle yet.
pub(crate) struct Reserved {
    id: ContextId,
    inherits: bool,
    life: watch::Receiver<Life>,
    input: Arc<Credit>,
}

impl Reserved {
    /// Whether it is up now.
    pub fn is_up(&self) -> bool {
        matches!(*self.life.borrow(), Life::Up { .. })
    }

    /// How it goes on with it.
    pub fn life(&self) -> watch::Receiver<Life> {
        self.life.clone()
    }

    /// Waits until it is up.
    pub async fn came_up(&self, sandbox: &Sandbox) -> Result<(), Error> {
        match came_up(self.life.clone(), sandbox).await? {
            Life::Up { .. } => Ok(()),
            _ => Err(Error::Guest { why: "a context ended before it was up".to_owned() }),
        }
    }
}

/// Waits until a context is up or has ended.
pub(crate) async fn came_up(mut life: watch::Receiver<Life>, sandbox: &Sandbox) -> Result<Life, Error> {
    let moved = life.wait_for(|life| *life != Life::Starting);
    match tokio::time::timeout(Duration::from_millis(START_MS), moved).await {
        Ok(Ok(life)) => Ok(life.clone()),
        Ok(Err(_)) => Err(sandbox.lost(sandbox.wire().gone())),
        Err(_) => {
            Err(Error::Guest { why: format!("a context did not come up within {} s", START_MS / 1000) })
        }
    }
}

impl Context {
    /// Sends the order to make a context, without waiting for it.
    /// `ahead`: nobody waits for it.
    pub(crate) async fn reserve(
        sandbox: &Sandbox,
        request: &ContextRequest,
        ahead: bool,
    ) -> Result<Reserved, Error> {
        check_env(&request.env)?;
        let id = ContextId::from_bits(ids::random());
        let launch = sandbox.programs().launch(request.language);
        let life = sandbox.wire().routes.add_context(id.clone());
        let input = sandbox.wire().routes.add_input(Input::Context(id.clone()));
        let inherits = launch != Launch::Zygote;
        let mut env: BTreeMap<String, String> = sandbox.env().clone();
        env.extend(request.env.clone());
        let cwd = request.cwd.clone().unwrap_or_else(|| sandbox.workspace().to_owned());
        let stdin = request.stdin;
        let order = Request::ContextCreate { context: id.clone(), launch, cwd, env, stdin, ahead };
        sandbox.wire().send(&order, &[]).await.map_err(|gone| sandbox.lost(gone))?;
        Ok(Reserved { id, inherits, life, input })
    }

    /// Registers a context: one that was made ahead of time, or one that is on its way.
    pub(crate) async fn create(
        sandbox: Arc<Sandbox>,
        request: ContextRequest,
    ) -> Result<Arc<Context>, Error> {
        let reserved = match sandbox.take_spare(&request) {
            Some(spare) => spare,
            None => Context::reserve(&sandbox, &request, false).await?,
        };
        let Reserved { id, inherits, life, input } = reserved;
        let context = Arc::new(Context {
            id,
            language: request.language,
            life,
            inherits,
            busy: AtomicBool::new(false),
            stdin_open: AtomicBool::new(request.stdin),
            input,
            tree: None,
            sandbox,
        });
        context.sandbox.remember(&context);
        Ok(context)
    }

    /// Registers a context that becomes a fork of another one, in this tree or in that of the sandbox.
    pub(crate) fn branch(sandbox: &Arc<Sandbox>, tree: Option<Arc<Tree>>) -> Arc<Context> {
        let id = ContextId::from_bits(ids::random());
        let life = sandbox.wire().routes.add_context(id.clone());
        let input = sandbox.wire().routes.add_input(Input::Context(id.clone()));
        let context = Arc::new(Context {
            id,
            language: Language::Python,
            life,
            inherits: false,
            busy: AtomicBool::new(false),
            stdin_open: AtomicBool::new(false),
            input,
            tree,
            sandbox: sandbox.clone(),
        });
        sandbox.remember(&context);
        context
    }

    /// Whether it came from a zygote, or from a context that did.
    pub(crate) fn is_forked(&self) -> bool {
        !self.inherits
    }

    /// Where its tree begins in the sandbox; empty for all but forks.
    pub(crate) fn root(&self) -> &str {
        self.tree.as_ref().map_or("", |tree| tree.root())
    }

    pub(crate) fn tree(&self) -> Option<Arc<Tree>> {
        self.tree.clone()
    }

    /// The files that its code sees; those of forks are their own.
    pub fn files(&self) -> Files<'_> {
        Files::of(&self.sandbox, self.root())
    }

    /// Its id.
    pub fn id(&self) -> &ContextId {
        &self.id
    }

    /// Its language.
    pub fn language(&self) -> Language {
        self.language
    }

    /// Where it lives.
    pub fn sandbox(&self) -> &Arc<Sandbox> {
        &self.sandbox
    }

    /// Whether it can still run code, as far as is known.
    pub fn is_alive(&self) -> bool {
        !self.sandbox.wire().is_closed() && !matches!(*self.life.borrow(), Life::Ended(_))
    }

    /// Whether an execution runs in it.
    pub fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Acquire)
    }

    /// Ends it at once, with every process that was started in it. What runs in it ends as `killed`; variables are lost,
    /// files are not.
    pub fn kill(&self) {
        if self.is_alive() {
            self.sandbox.wire().post(&Request::ContextKill { context: self.id.clone() });
        }
    }

    /// Memory of its processes now, in bytes: what it shares with other contexts counts in part, or whole where nobody may look
    /// at that. Takes a millisecond or more, and waits while the sandbox is paused.
    ///
    /// # Errors
    /// When it or its sandbox is gone.
    pub async fn memory_bytes(&self) -> Result<u64, Error> {
        let context = self.id.clone();
        let ask = |transfer, _| Request::ContextMemory { transfer, context };
        let seen: ContextMemory = self.sandbox.files().look("the context", ask).await?;
        // Who made the sandbox sees more than who is in it.
        let measured = match self.sandbox.group() {
            Some(group) => {
                let look = move || group.memory_bytes_of(&seen.processes);
                tokio::task::spawn_blocking(look).await.ok().flatten()
            }
            None => None,
        };
        Ok(measured.unwrap_or(seen.bytes))
    }

    /// Ends it, and waits until it has.
    pub(crate) async fn end(&self) -> Result<(), Error> {
        self.kill();
        let mut life = self.life();
        let ended = life.wait_for(|life| matches!(life, Life::Ended(_)));
        match tokio::time::timeout(Duration::from_millis(START_MS), ended).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(self.sandbox.lost(self.sandbox.wire().gone())),
            Err(_) => Err(Error::Guest { why: format!("{} did not end", self.id) }),
        }
    }

    pub(crate) fn life(&self) -> watch::Receiver<Life> {
        self.life.clone()
    }

    /// Tells what its driver verified, for [`crate::isolation::combine`].
    pub(crate) fn inside<'a>(&self, life: &'a Life) -> Option<Inside<'a>> {
        match life {
            Life::Up { walls } => Some(Inside { walls, inherits: self.inherits }),
            _ => None,
        }
    }

    /// Takes the context for one execution.
    pub(crate) fn occupy(self: &Arc<Self>) -> Result<Occupied, Error> {
        if !self.sandbox.wire().is_closed() && !self.is_alive() {
            return Err(Error::ContextLost { context: self.id.clone() });
        }
        self.occupy_first()
    }

    /// Takes a context that ran nothing yet. It may have ended already: why, its first execution tells.
    pub(crate) fn occupy_first(self: &Arc<Self>) -> Result<Occupied, Error> {
        if self.sandbox.wire().is_closed() {
            return Err(self.sandbox.lost(self.sandbox.wire().gone()));
        }
        if self.busy.swap(true, Ordering::AcqRel) {
            return Err(Error::ContextBusy { context: self.id.clone() });
        }
        Ok(Occupied(self.clone()))
    }

    pub(crate) fn stdin_is_open(&self) -> bool {
        self.stdin_open.load(Ordering::Acquire)
    }

    /// What may be sent to its standard input.
    pub(crate) fn input(&self) -> &Arc<Credit> {
        &self.input
    }

    pub(crate) fn stdin_ended(&self) {
        self.stdin_open.store(false, Ordering::Release);
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        self.kill();
        self.sandbox.forget(&self.id);
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("id", &self.id)
            .field("language", &self.language)
            .finish_non_exhaustive()
    }
}

/// A context that one execution has for itself until this is dropped.
pub(crate) struct Occupied(Arc<Context>);

impl std::ops::Deref for Occupied {
    type Target = Arc<Context>;
    fn deref(&self) -> &Arc<Context> {
        &self.0
    }
}

impl Drop for Occupied {
    fn drop(&mut self) {
        self.0.busy.store(false, Ordering::Release);
    }
}
