//! A chat under test: a scripted or recorded model, a sandbox, and short ways to ask.

use agent::{
    AskLimits, Chat, MakeSandbox, NoSandbox, Setup,
    model::{Model, Reply, scripted::Scripted, scripted::Step},
};
use interpreter::{
    Caller, Interpreter, Sandbox, SandboxRequest, Settings, backend::fake::Fake, template::Store,
};
use policy::Policy;
use protocol::{AgentEvent, Answer};
use std::{
    io::Write,
    path::PathBuf,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicU32, Ordering},
    },
};

/// A setup, and how many sandboxes it has made.
pub struct Scene {
    pub setup: Setup,
    pub made: Arc<AtomicU32>,
    /// The sandbox that was made last.
    pub latest: Latest,
    _data: Option<tempfile::TempDir>,
}

/// A sandbox that somebody else keeps alive.
pub type Latest = Arc<Mutex<Weak<Sandbox>>>;

impl Scene {
    /// With the fake backend, whose language has one order a line (`print`, `raise`, `hang`, …).
    pub fn fake(model: Arc<dyn Model>) -> Scene {
        let data = tempfile::tempdir().unwrap();
        let interpreter =
            Interpreter::with_backends(Settings::new(data.path()), vec![Arc::new(Fake::honest())]);
        let mut scene = Scene::with(interpreter.unwrap(), model, SandboxRequest::default());
        scene._data = Some(data);
        scene
    }

    /// With real Python; `None` where it cannot run here.
    pub fn native(test: &str, template: &str, model: Arc<dyn Model>) -> Option<Scene> {
        let data_dir = data_dir();
        let built = Store::open(&data_dir).unwrap().list();
        if template != "python"
            && !built.iter().any(|found| found.recipe.name == template && found.built.is_some())
        {
            skip("python", test, &format!("`belljar template build {template}` was not run"));
            return None;
        }
        let settings = Settings { backend: Some("native".to_owned()), ..Settings::new(data_dir) };
        let interpreter = Interpreter::open(settings).unwrap();
        if !interpreter.backends().iter().any(|backend| backend.name() == "native" && backend.probe().usable)
        {
            skip("native", test, "the native backend cannot run here; `belljar doctor` tells why");
            return None;
        }
        let room = SandboxRequest { template: Some(template.to_owned()), ..SandboxRequest::default() };
        let mut scene = Scene::with(interpreter, model, room);
        let packages =
            built.into_iter().filter(|found| found.recipe.name == template).filter_map(|found| found.built);
        let packages = packages.flat_map(|record| record.packages);
        scene.setup.libraries = packages.map(|package| (package.name, package.version)).collect();
        Some(scene)
    }

    fn with(interpreter: Interpreter, model: Arc<dyn Model>, room: SandboxRequest) -> Scene {
        let made = Arc::new(AtomicU32::new(0));
        let setup = Setup {
            caller: Caller::local(),
            model,
            journal: None,
            policy: Arc::new(Policy::preset("standard").unwrap()),
            system: None,
            mode: None,
            files: Vec::new(),
            sandbox: Box::new(|| unreachable!("replaced below")),
            room,
            libraries: Vec::new(),
            undo_failed: true,
            interpreter,
        };
        let mut scene = Scene { setup, made, latest: Arc::default(), _data: None };
        scene.uploading(&[]);
        scene
    }

    /// Sandboxes have these files, and are counted.
    pub fn uploading(&mut self, files: &[(&str, &[u8])]) {
        let files: Vec<_> = files.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec())).collect();
        self.setup.files = files.iter().map(|(path, bytes)| (path.clone(), bytes.len() as u64)).collect();
        let make = Setup::empty_sandbox(&self.setup.interpreter, &self.setup.caller, &self.setup.room);
        let (make, files, made, latest) =
            (Arc::new(make), Arc::new(files), self.made.clone(), self.latest.clone());
        self.setup.sandbox = Box::new(move || {
            let (make, files, made, latest) = (make.clone(), files.clone(), made.clone(), latest.clone());
            Box::pin(async move {
                made.fetch_add(1, Ordering::Relaxed);
                let sandbox = upload(make(), &files).await?;
                *latest.lock().unwrap() = Arc::downgrade(&sandbox);
                Ok(sandbox)
            })
        });
    }

    /// Applies the room's limits; the sandbox is made anew from them.
    pub fn limits(mut self, change: impl FnOnce(&mut protocol::Limits)) -> Scene {
        change(&mut self.setup.room.limits);
        self.uploading(&[]);
        self
    }

    pub fn policy(mut self, name: &str) -> Scene {
        self.setup.policy = Arc::new(Policy::preset(name).unwrap());
        self
    }
}

type Making = std::pin::Pin<Box<dyn Future<Output = Result<Arc<Sandbox>, NoSandbox>> + Send>>;

async fn upload(making: Making, files: &[(String, Vec<u8>)]) -> Result<Arc<Sandbox>, NoSandbox> {
    let sandbox = making.await?;
    for (path, bytes) in files {
        let path = format!("/workspace/{path}");
        sandbox.files().write(&path, bytes.as_slice(), 0o644).await?;
    }
    Ok(sandbox)
}

/// A factory that always fails.
pub fn broken(message: &str) -> MakeSandbox {
    let message = message.to_owned();
    Box::new(move || {
        let failure = NoSandbox { code: "no_room".to_owned(), message: message.clone(), hint: None };
        Box::pin(async move { Err(failure) })
    })
}

/// A model that gives these replies.
pub fn script(replies: impl IntoIterator<Item = Reply>) -> Arc<Scripted> {
    Arc::new(Scripted::new(replies.into_iter().map(Step::Reply)))
}

/// Asks one question and hears everything.
pub async fn ask(scene: Scene, prompt: &str, limits: AskLimits) -> (Answer, Vec<AgentEvent>) {
    let chat = Chat::new(scene.setup);
    hear(&chat, prompt, limits).await
}

/// Asks in a chat and hears everything.
pub async fn hear(chat: &Chat, prompt: &str, limits: AskLimits) -> (Answer, Vec<AgentEvent>) {
    let mut answering = chat.ask(prompt, limits);
    let mut events = Vec::new();
    while let Some(event) = answering.next().await {
        events.push(event);
    }
    (answering.answer().await, events)
}

/// What a model read last, with all its parts of text.
pub fn read(model: &Scripted, request: usize) -> String {
    let seen = model.seen();
    format!("{:#?}", seen[request].messages.last().unwrap()).replace("\\n", "\n").replace("\\\"", "\"")
}

/// The last word of an answer: status, error's code, text.
pub fn end(answer: &Answer) -> (protocol::AnswerStatus, Option<&str>, &str) {
    (answer.status, answer.error.as_ref().map(|error| error.code.as_str()), &answer.answer)
}

fn data_dir() -> PathBuf {
    let built = || PathBuf::from(env!("CARGO_TARGET_TMPDIR")).with_file_name("belljar");
    std::env::var_os("BELLJAR_DATA_DIR").map_or_else(built, PathBuf::from)
}

fn skip(what: &str, test: &str, why: &str) {
    let required = std::env::var("BELLJAR_REQUIRE").unwrap_or_default();
    assert!(!required.split(',').any(|word| word.trim() == what), "{test}: {what} is required: {why}");
    eprintln!("skipped {test}: {why}");
    if let Some(path) = std::env::var_os("BELLJAR_SKIPS") {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        file.and_then(|mut file| writeln!(file, "{test}: {why}")).unwrap();
    }
}
