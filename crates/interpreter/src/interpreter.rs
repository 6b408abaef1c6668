//! Every request of every edge comes through here: sandboxes are found or made, code is checked and sent to a context.

use crate::{
    Caller, Context, ContextRequest, Error, ExecuteRequest, Execution, Place, Preload, Sandbox,
    SandboxRequest, Stdin,
    backend::{self, Backend, StartRequest},
    check,
    containers::OciSettings,
    context::workspace,
    context::{Occupied, came_up},
    drive::{Drive, Ends, Plan},
    execution::EVENTS,
    ids, isolation,
    pool::{Pool, PoolSettings},
    request::{check_env, check_limits, check_output},
    runner::Runner,
    sandbox::Origin,
    stdin,
    template::{Store, Template},
};
use policy::Policy;
use protocol::{
    ExecutionId, Finding, Language, LimitsError, SandboxId,
    guest::{Caps, Request},
};
use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock, Weak},
};
use tokio::sync::{Notify, mpsc};

/// Changed files that one outcome lists.
pub(crate) const FILES_MAX: u32 = 1_000;
/// What a backend says that cannot raise its walls on this host.
const NO_WALLS: &str = "walls";

/// How an interpreter is set up.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where templates are kept.
    pub data_dir: PathBuf,
    /// The backend for sandboxes that ask for none; without one, the first that can raise its walls here.
    pub backend: Option<String>,
    /// How much zygotes import ahead of time.
    pub preload: Preload,
    /// What code may do where a request brings no policy of its own.
    pub policy: Arc<Policy>,
    /// Which container engine to use, and how.
    pub oci: OciSettings,
    /// How much warm sandboxes may take.
    pub pool: PoolSettings,
}

impl Settings {
    /// With templates below `data_dir`, the first backend that is usable, zygotes made when they are needed, and the
    /// policy `standard`.
    pub fn new(data_dir: impl Into<PathBuf>) -> Settings {
        let policy = Arc::new(Policy::default());
        let (backend, preload, oci, pool) = (None, Preload::Lazy, OciSettings::default(), Default::default());
        Settings { data_dir: data_dir.into(), backend, preload, policy, oci, pool }
    }
}

/// The one door. Clones share everything.
#[derive(Clone)]
pub struct Interpreter {
    shared: Arc<Shared>,
}

struct Shared {
    settings: Settings,
    store: Store,
    backends: Vec<Arc<dyn Backend>>,
    /// The backend for requests that name none, where it is not the first.
    usable: OnceLock<Arc<dyn Backend>>,
    templates: Mutex<HashMap<String, Template>>,
    sandboxes: Mutex<HashMap<SandboxId, Weak<Sandbox>>>,
    pool: Pool,
}

impl Interpreter {
    /// Opens the door with the backends of this platform. Nothing is started yet.
    ///
    /// # Errors
    /// When the data directory cannot be used or the named backend does not exist.
    pub fn open(settings: Settings) -> Result<Interpreter, Error> {
        let backends = backend::all(&settings);
        Interpreter::with_backends(settings, backends)
    }

    /// Opens the door with these backends.
    ///
    /// # Errors
    /// When the data directory cannot be used or the named backend is not among them.
    pub fn with_backends(settings: Settings, backends: Vec<Arc<dyn Backend>>) -> Result<Interpreter, Error> {
        let store = Store::open(&settings.data_dir)?;
        let (templates, sandboxes, pool) = Default::default();
        let shared =
            Shared { settings, store, backends, usable: OnceLock::new(), templates, sandboxes, pool };
        let interpreter = Interpreter { shared: Arc::new(shared) };
        if let Some(name) = &interpreter.shared.settings.backend {
            interpreter.named(name)?;
        }
        Ok(interpreter)
    }

    /// The backends that it knows.
    pub fn backends(&self) -> &[Arc<dyn Backend>] {
        &self.shared.backends
    }

    /// Whether sandboxes of this backend, or of the one that is taken without a name, show a template.
    ///
    /// # Errors
    /// When there is no such backend.
    pub fn shows_templates(&self, backend: Option<&str>) -> Result<bool, Error> {
        Ok(self.backend(backend)?.uses_templates())
    }

    /// The image of a template, by its name: made by the first backend that has images, where it lacks this one or `again`.
    ///
    /// # Errors
    /// When there is no such backend here, or it cannot make the image.
    pub async fn image(&self, template: &Template, again: bool) -> Result<String, Error> {
        for backend in &self.shared.backends {
            if let Some(name) = backend.prepare(template, again).await.map_err(Error::Image)? {
                return Ok(name);
            }
        }
        Err(Error::NotFound { what: "a backend that makes images".to_owned() })
    }

    /// Makes a sandbox, with all walls checked.
    ///
    /// # Errors
    /// When the request contradicts itself, its template or backend is not there, or the walls are not what they
    /// have to be.
    pub async fn create_sandbox(
        &self,
        caller: &Caller,
        request: SandboxRequest,
    ) -> Result<Arc<Sandbox>, Error> {
        let sandbox = self.start(caller, request).await?;
        sandbox.greet().await?;
        Ok(sandbox)
    }

    /// A sandbox of this caller that somebody still holds.
    ///
    /// # Errors
    /// When there is none of that id, also when it belongs to somebody else.
    pub fn sandbox(&self, caller: &Caller, id: &SandboxId) -> Result<Arc<Sandbox>, Error> {
        let found = self.sandboxes().get(id).and_then(Weak::upgrade);
        let found = found.filter(|sandbox| sandbox.caller() == caller);
        found.ok_or_else(|| Error::NotFound { what: format!("the sandbox {id}") })
    }

    /// Runs code: the one door. What becomes of the code is in the [`Execution`], also where it was refused.
    ///
    /// # Errors
    /// When the request contradicts itself or there is nothing to run it in.
    pub async fn execute(&self, caller: &Caller, mut request: ExecuteRequest) -> Result<Execution, Error> {
        let policy = request.policy.as_ref().unwrap_or(&self.shared.settings.policy);
        let checked = check::check(&request.code, request.language, policy).await;
        if let Some(mut verdict) = checked.refused {
            verdict.context_alive = matches!(request.place, Place::Context(_));
            let id = ExecutionId::from_bits(ids::random());
            return Ok(Execution::ended(id, request.language, verdict, checked.findings));
        }
        let findings = checked.findings;
        check_env(&request.env)?;
        check_times(&request)?;
        let place = request.place.clone();
        // A new context is made with it, and keeps it.
        let env = match place {
            Place::Fresh(_) | Place::Sandbox(_) => std::mem::take(&mut request.env),
            Place::Context(_) => BTreeMap::new(),
        };
        let stdin = matches!(request.stdin, Stdin::Piped(_));
        let made = ContextRequest { language: request.language, cwd: None, env, stdin };
        match place {
            Place::Fresh(fresh) => {
                let sandbox = self.start(caller, fresh).await?;
                let context = sandbox.create_context(made).await?;
                if sandbox.require().is_some() {
                    sandbox.greet().await?;
                    return run(context.occupy_first()?, request, findings, true).await;
                }
                let execution = run(context.occupy_first()?, request, findings, true).await?;
                sandbox.greet().await?;
                Ok(execution)
            }
            Place::Sandbox(sandbox) => {
                own(caller, &sandbox)?;
                let context = sandbox.create_context(made).await?;
                run(context.occupy_first()?, request, findings, false).await
            }
            Place::Context(context) => {
                own(caller, context.sandbox())?;
                check_context(&context, &request)?;
                run(context.occupy()?, request, findings, false).await
            }
        }
    }

    /// What code may do where a request brings no policy of its own.
    pub(crate) fn policy(&self) -> &Arc<Policy> {
        &self.shared.settings.policy
    }

    fn sandboxes(&self) -> std::sync::MutexGuard<'_, HashMap<SandboxId, Weak<Sandbox>>> {
        self.shared.sandboxes.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn named(&self, name: &str) -> Result<Arc<dyn Backend>, Error> {
        let found = self.shared.backends.iter().find(|backend| backend.name() == name);
        found.cloned().ok_or_else(|| {
            let known = self.shared.backends.iter().map(|backend| backend.name().to_owned()).collect();
            Error::UnknownBackend { name: name.to_owned(), known }
        })
    }

    fn backend(&self, name: Option<&str>) -> Result<Arc<dyn Backend>, Error> {
        if let Some(name) = name.or(self.shared.settings.backend.as_deref()) {
            return self.named(name);
        }
        // The first is tried before it is looked at: looking costs more than starting.
        let first = self.shared.usable.get().or(self.shared.backends.first()).cloned();
        first.ok_or_else(|| Error::UnknownBackend { name: "default".to_owned(), known: Vec::new() })
    }

    /// Another backend for requests that name none, after the first could not raise its walls on this host.
    fn fall_back(&self) -> Option<Arc<dyn Backend>> {
        let others = self.shared.backends.iter().skip(1);
        let usable = others.into_iter().find(|backend| backend.probe().usable)?;
        Some(self.shared.usable.get_or_init(|| usable.clone()).clone())
    }

    async fn template(&self, name: String) -> Result<Template, Error> {
        let known = |shared: &Shared| {
            let templates = shared.templates.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            // One that was built again in the meantime is taken as it is now.
            templates.get(&name).filter(|template| template.is_current()).cloned()
        };
        if let Some(template) = known(&self.shared) {
            return Ok(template);
        }
        let (shared, wanted) = (self.shared.clone(), name.clone());
        let ensured = tokio::task::spawn_blocking(move || shared.store.ensure(&wanted, &())).await;
        let template = ensured.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))?;
        let mut templates = self.shared.templates.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        templates.insert(name, template.clone());
        Ok(template)
    }

    /// The request with the backend that it will have, after a look at what it asks for.
    pub(crate) fn settled(&self, request: SandboxRequest) -> Result<SandboxRequest, Error> {
        check_limits(&request.limits)?;
        check_env(&request.env)?;
        let backend = self.backend(request.backend.as_deref())?.name().to_owned();
        Ok(SandboxRequest { backend: Some(backend), ..request })
    }

    async fn start(&self, caller: &Caller, request: SandboxRequest) -> Result<Arc<Sandbox>, Error> {
        let chosen = request.backend.is_some() || self.shared.settings.backend.is_some();
        let request = self.settled(request)?;
        let sandbox = match self.shared.pool.take(&request, caller) {
            Some(warm) => warm,
            None => match self.make(Some(caller.clone()), request.clone()).await {
                Err(Error::Start(error)) if !chosen && error.code == NO_WALLS => {
                    let other = self.fall_back().ok_or(error)?;
                    let request = SandboxRequest { backend: Some(other.name().to_owned()), ..request };
                    self.make(Some(caller.clone()), request).await?
                }
                made => made?,
            },
        };
        let mut sandboxes = self.sandboxes();
        sandboxes.retain(|_, sandbox| sandbox.strong_count() > 0);
        sandboxes.insert(sandbox.id().clone(), Arc::downgrade(&sandbox));
        Ok(sandbox)
    }

    /// A sandbox of nobody's with all walls checked and a Python context.
    pub(crate) async fn make_warm(&self, request: SandboxRequest) -> Result<Arc<Sandbox>, Error> {
        let sandbox = self.make(None, request).await?;
        sandbox.greet().await?;
        sandbox.make_spare().await?;
        Ok(sandbox)
    }

    async fn make(&self, caller: Option<Caller>, request: SandboxRequest) -> Result<Arc<Sandbox>, Error> {
        let backend = self.backend(request.backend.as_deref())?;
        let template = match request.template {
            Some(name) if backend.uses_templates() => Some(self.template(name).await?),
            _ => None,
        };
        let id = SandboxId::from_bits(ids::random());
        let started = backend.start(StartRequest {
            sandbox: id.clone(),
            limits: request.limits.clone(),
            template: template.clone(),
            env: request.env.clone(),
            workspace: workspace(request.home_is_workspace),
            preload: self.shared.settings.preload,
            ahead: caller.is_none(),
        });
        let started = started.await?;
        let origin = Origin {
            caller,
            limits: request.limits,
            env: request.env,
            require: request.require,
            workspace: workspace(request.home_is_workspace),
            template,
        };
        Ok(Sandbox::open(id, started, origin))
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.shared.pool
    }

    pub(crate) fn pool_settings(&self) -> &PoolSettings {
        &self.shared.settings.pool
    }

    pub(crate) fn downgrade(&self) -> WeakInterpreter {
        WeakInterpreter(Arc::downgrade(&self.shared))
    }
}

/// An interpreter that may be gone.
pub(crate) struct WeakInterpreter(Weak<Shared>);

impl WeakInterpreter {
    pub fn upgrade(&self) -> Option<Interpreter> {
        Some(Interpreter { shared: self.0.upgrade()? })
    }
}

impl std::fmt::Debug for Interpreter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Interpreter").field("settings", &self.shared.settings).finish_non_exhaustive()
    }
}

fn check_times(request: &ExecuteRequest) -> Result<(), Error> {
    let zero = |name, why| Err(LimitsError { name, value: "0".to_owned(), why }.into());
    if request.timeout_ms == Some(0) {
        return zero("timeout", "a timeout is more than 0");
    }
    if request.cpu_ms == Some(0) {
        return zero("cpu", "a CPU limit is more than 0");
    }
    check_output(request.output_bytes_max.unwrap_or(0))
}

fn check_context(context: &Context, request: &ExecuteRequest) -> Result<(), Error> {
    let wrong = |what: &str, why: String| Err(Error::Request { what: what.to_owned(), why });
    if request.language != context.language() {
        return wrong("this context", format!("it speaks {}, not {}", context.language(), request.language));
    }
    if matches!(request.stdin, Stdin::Piped(_)) && !context.stdin_is_open() {
        return wrong(
            "standard input",
            "this context reads end of file; open it when the context is made".to_owned(),
        );
    }
    Ok(())
}

/// Whether it is this caller's.
pub(crate) fn own(caller: &Caller, sandbox: &Sandbox) -> Result<(), Error> {
    if sandbox.caller() == caller {
        return Ok(());
    }
    Err(Error::NotFound { what: format!("the sandbox {}", sandbox.id()) })
}

/// Sends code to a context, which is occupied for it, and begins to drive it. With `require`, code is sent only to walls that were seen.
async fn run(
    context: Occupied,
    request: ExecuteRequest,
    findings: Vec<Finding>,
    one_shot: bool,
) -> Result<Execution, Error> {
    let sandbox = context.sandbox();
    if let Some(require) = sandbox.require() {
        let life = came_up(context.life(), sandbox).await?;
        if let Some(inside) = context.inside(&life)
            && let Err(error) = isolation::check(&sandbox.isolation_of(Some(inside)), Some(require))
        {
            sandbox.destroy().await;
            return Err(error);
        }
    }
    let plan = Plan { findings, ..plan(&context, &request, one_shot) };
    let before = sandbox.measure();
    if plan.cpu_ms.is_some() && before.cpu_ms.is_none() {
        return Err(Error::CpuUnmeasured);
    }
    let id = ExecutionId::from_bits(ids::random());
    let frames = sandbox.wire().routes.add_execution(id.clone());
    let (caps, env) = (plan.caps, request.env);
    let order = Request::Execute { context: context.id().clone(), execution: id.clone(), caps, env };
    let code = without_mark(&request.code, request.language);
    sandbox.wire().send(&order, code).await.map_err(|gone| sandbox.lost(gone))?;
    let (handle, runner) = (Arc::clone(&context), Runner::Context(context));
    let stdin = stdin::feed(&runner, handle.input(), request.stdin);
    let (sender, events) = mpsc::channel(EVENTS);
    let interrupt = Arc::new(Notify::new());
    let ends = Ends { frames, events: sender, interrupt: interrupt.clone(), stdin };
    let execution = Execution::new(id.clone(), handle, events, interrupt);
    tokio::spawn(Drive::new(id, runner, plan, before, ends).run());
    Ok(execution)
}

fn plan(context: &Context, request: &ExecuteRequest, one_shot: bool) -> Plan {
    let limits = context.sandbox().limits();
    let caps = Caps {
        output_bytes: request.output_bytes_max.unwrap_or(limits.output_bytes),
        results: limits.results,
        results_bytes: limits.results_bytes,
        files: FILES_MAX,
        spill: !one_shot,
    };
    let timeout_ms = request.timeout_ms.unwrap_or(limits.timeout_ms);
    Plan { timeout_ms, cpu_ms: request.cpu_ms.or(limits.cpu_ms), caps, findings: Vec::new(), one_shot }
}

/// Python files may begin with a byte order mark, which is no part of the code.
fn without_mark(code: &[u8], language: Language) -> &[u8] {
    match language {
        Language::Bash => code,
        _ => code.strip_prefix(b"\xef\xbb\xbf").unwrap_or(code),
    }
}
