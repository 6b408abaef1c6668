//! A backend under test, and short ways to run code on it.

use interpreter::{
    Caller, Context, ContextRequest, ExecuteRequest, Interpreter, Place, Preload, Sandbox, SandboxRequest,
    Settings,
};
use protocol::{Language, Limits, Outcome, Status};
use std::{io::Write, path::PathBuf, sync::Arc};

/// A backend under test.
pub struct Bench {
    pub interpreter: Interpreter,
}

impl Bench {
    /// Opens it; `None` where it cannot run on this host.
    pub async fn open(backend: &str, test: &str) -> Option<Bench> {
        let tmp = || PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("conformance");
        let data_dir = std::env::var_os("BELLJAR_DATA_DIR").map_or_else(tmp, PathBuf::from);
        let settings = Settings { data_dir, backend: Some(backend.to_owned()), preload: Preload::Lazy };
        let interpreter = Interpreter::open(settings).unwrap();
        let found = interpreter.backends().iter().find(|found| found.name() == backend).unwrap();
        let probe = found.probe();
        if !probe.usable {
            let lacks = probe.checks.iter().filter(|check| check.needed && !check.holds);
            let lacks: Vec<&str> = lacks.map(|check| check.name.as_str()).collect();
            skip(backend, test, &format!("{backend} cannot run here: {}", lacks.join(", ")));
            return None;
        }
        let bench = Bench { interpreter };
        match bench.interpreter.create_sandbox(&Caller::local(), request(Limits::default())).await {
            Ok(_) => Some(bench),
            Err(error) if error.code() == "offline" => {
                skip("network", test, "there is no template and no network");
                None
            }
            Err(error) => panic!("cannot {error}"),
        }
    }

    /// A sandbox with these limits.
    pub async fn sandbox(&self, limits: Limits) -> Arc<Sandbox> {
        self.interpreter.create_sandbox(&Caller::local(), request(limits)).await.unwrap()
    }

    /// A Python context in a new sandbox with these limits.
    pub async fn python(&self, limits: Limits) -> Arc<Context> {
        self.sandbox(limits).await.create_context(ContextRequest::default()).await.unwrap()
    }

    /// Runs code in a context.
    pub async fn run(&self, context: &Arc<Context>, code: &str) -> Outcome {
        self.execute(ExecuteRequest::new(code, context.language(), Place::Context(context.clone()))).await
    }

    /// Runs code that has to succeed; gives back what it printed.
    pub async fn print(&self, context: &Arc<Context>, code: &str) -> String {
        let outcome = self.run(context, code).await;
        assert_eq!(outcome.status, Status::Ok, "{code}: {outcome:?}");
        outcome.stdout
    }

    /// Runs Python in a sandbox of its own.
    pub async fn fresh(&self, code: &str) -> Outcome {
        let place = Place::Fresh(request(Limits::default()));
        self.execute(ExecuteRequest::new(code, Language::Python, place)).await
    }

    /// Runs a request.
    pub async fn execute(&self, request: ExecuteRequest) -> Outcome {
        let execution = self.interpreter.execute(&Caller::local(), request).await;
        execution.unwrap_or_else(|error| panic!("cannot {error}")).outcome().await
    }
}

/// A sandbox with the smallest template.
pub fn request(limits: Limits) -> SandboxRequest {
    SandboxRequest { template: Some("python".to_owned()), limits, ..SandboxRequest::default() }
}

/// Says why a test does not run, or fails where it has to.
pub fn skip(what: &str, test: &str, why: &str) {
    let required = std::env::var("BELLJAR_REQUIRE").unwrap_or_default();
    assert!(!required.split(',').any(|name| name.trim() == what), "{what} is required: {why}");
    eprintln!("skipped {test}: {why}");
    if let Some(path) = std::env::var_os("BELLJAR_SKIPS") {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        file.and_then(|mut file| writeln!(file, "{test}: {why}")).unwrap();
    }
}
