//! A backend under test, and short ways to run code on it.

use crate::subject;
use interpreter::{
    Caller, Context, ContextRequest, Error, ExecuteRequest, Interpreter, Place, Preload, Sandbox,
    SandboxRequest, template::Store,
};
use protocol::{Category, Language, Limits, Outcome, Status};
use std::{io::Write, sync::Arc};

/// A backend under test.
pub struct Bench {
    pub interpreter: Interpreter,
    /// The running test, as the test program names it.
    pub test: &'static str,
    subject: &'static str,
    template: &'static str,
}

impl Bench {
    /// Opens it; `None` where it cannot run on this host.
    pub async fn open(subject: &'static str, test: &'static str) -> Option<Bench> {
        let interpreter = subject::open(subject, Preload::Lazy);
        if let Some((what, why)) = subject::hindrance(subject, &interpreter) {
            skip(what, test, &why);
            return None;
        }
        let bench = Bench { interpreter, subject, test, template: "python" };
        match bench.interpreter.create_sandbox(&Caller::local(), bench.request(Limits::default())).await {
            Ok(_) => Some(bench),
            Err(error) if error.code() == "offline" => {
                skip("network", test, "there is no template and no network");
                None
            }
            Err(error) => panic!("cannot {error}"),
        }
    }

    /// The same backend with a larger template, imported ahead of time; `None` where it is not built.
    pub async fn with(&self, template: &'static str) -> Option<Bench> {
        let built = Store::open(subject::data_dir()).unwrap().list();
        if !built.iter().any(|found| found.recipe.name == template && found.built.is_some()) {
            skip("python", self.test, &format!("`belljar template build {template}` was not run"));
            return None;
        }
        let interpreter = subject::open(self.subject, Preload::Full);
        Some(Bench { interpreter, subject: self.subject, test: self.test, template })
    }

    /// What a sandbox of this bench is asked for with.
    pub fn request(&self, limits: Limits) -> SandboxRequest {
        SandboxRequest { template: Some(self.template.to_owned()), limits, ..SandboxRequest::default() }
    }

    /// A sandbox with these limits.
    pub async fn sandbox(&self, limits: Limits) -> Arc<Sandbox> {
        let made = self.interpreter.create_sandbox(&Caller::local(), self.request(limits)).await;
        made.unwrap_or_else(|error| panic!("cannot {error}"))
    }

    /// A Python context in a new sandbox with these limits.
    pub async fn python(&self, limits: Limits) -> Arc<Context> {
        self.sandbox(limits).await.create_context(ContextRequest::default()).await.unwrap()
    }

    /// A context of another language; `None` where its interpreter is not on this host.
    pub async fn speaking(&self, language: Language) -> Option<Arc<Context>> {
        let request = ContextRequest { language, ..ContextRequest::default() };
        let context = self.sandbox(Limits::default()).await.create_context(request).await.unwrap();
        let outcome = match self.try_run(&context, "").await {
            Ok(outcome) => Some(outcome),
            // It may have found out before it was asked.
            Err(Error::ContextLost { .. }) => None,
            Err(error) => panic!("cannot {error}"),
        };
        if outcome.as_ref().is_none_or(|outcome| outcome.exit_code == 127) {
            let error = outcome.and_then(|outcome| outcome.error);
            assert!(error.is_none_or(|error| error.name == "InterpreterMissing"));
            let what = match language {
                Language::Javascript => "node",
                // Images are not made with it.
                Language::R if self.subject != "native" => "an image with R",
                _ => language.name(),
            };
            skip(what, self.test, &format!("there is no {language} interpreter"));
            return None;
        }
        assert_eq!(outcome.map(|outcome| outcome.status), Some(Status::Ok));
        Some(context)
    }

    /// Runs code in a context.
    pub async fn run(&self, context: &Arc<Context>, code: &str) -> Outcome {
        self.execute(ExecuteRequest::new(code, context.language(), Place::Context(context.clone()))).await
    }

    /// Runs code in a context, for so many milliseconds at most.
    pub async fn within(&self, context: &Arc<Context>, code: &str, timeout_ms: u64) -> Outcome {
        let place = Place::Context(context.clone());
        let request = ExecuteRequest::new(code, context.language(), place);
        self.execute(ExecuteRequest { timeout_ms: Some(timeout_ms), ..request }).await
    }

    /// Runs code that has to succeed; gives back what it printed.
    pub async fn print(&self, context: &Arc<Context>, code: &str) -> String {
        let outcome = self.run(context, code).await;
        assert_eq!(outcome.status, Status::Ok, "{code:.2000}: {outcome:?}");
        outcome.stdout
    }

    /// Runs Python in a sandbox of its own.
    pub async fn fresh(&self, code: &str) -> Outcome {
        let place = Place::Fresh(self.request(Limits::default()));
        self.execute(ExecuteRequest::new(code, Language::Python, place)).await
    }

    /// Runs code in a context that may be gone.
    pub async fn try_run(&self, context: &Arc<Context>, code: &str) -> Result<Outcome, Error> {
        let request = ExecuteRequest::new(code, context.language(), Place::Context(context.clone()));
        Ok(self.interpreter.execute(&Caller::local(), request).await?.outcome().await)
    }

    /// Runs a request.
    pub async fn execute(&self, request: ExecuteRequest) -> Outcome {
        let execution = self.interpreter.execute(&Caller::local(), request).await;
        execution.unwrap_or_else(|error| panic!("cannot {error}")).outcome().await
    }

    /// Says why a test does not run, or fails where it has to.
    pub fn skip(&self, what: &str, why: &str) {
        skip(what, self.test, why);
    }
}

/// The kind of an outcome's error.
pub fn category(outcome: &Outcome) -> Option<Category> {
    outcome.error.as_ref().map(|error| error.category)
}

fn skip(what: &str, test: &str, why: &str) {
    let required = std::env::var("BELLJAR_REQUIRE").unwrap_or_default();
    assert!(!required.split(',').any(|name| name.trim() == what), "{what} is required: {why}");
    eprintln!("skipped {test}: {why}");
    if let Some(path) = std::env::var_os("BELLJAR_SKIPS") {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        file.and_then(|mut file| writeln!(file, "{test}: {why}")).unwrap();
    }
}
