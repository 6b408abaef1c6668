//! An interpreter to measure, and short ways to run code that has to succeed.

use interpreter::{
    Caller, Context, ContextRequest, ExecuteRequest, Interpreter, Place, Preload, SandboxRequest, Settings,
    template::Store,
};
use protocol::{Language, Outcome, Status};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// An interpreter, and the template that all sandboxes show.
pub struct Scene {
    interpreter: Interpreter,
    data_dir: PathBuf,
    template: &'static str,
}

impl Scene {
    /// Opens it. `BELLJAR_DATA_DIR` names where templates are; one that is not there is built with the first sandbox.
    ///
    /// # Errors
    /// A data directory that cannot be used.
    pub fn open(template: &'static str, preload: Preload) -> Result<Scene, String> {
        let target = || PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bench");
        let data_dir = std::env::var_os("BELLJAR_DATA_DIR").map_or_else(target, PathBuf::from);
        let settings =
            Settings { backend: Some("native".into()), preload, ..Settings::new(data_dir.clone()) };
        let interpreter = Interpreter::open(settings).map_err(|error| format!("cannot {error}"))?;
        Ok(Scene { interpreter, data_dir, template })
    }

    /// The template's own Python, as this host runs it.
    ///
    /// # Errors
    /// A template that cannot be built.
    pub fn template_python(&self) -> Result<PathBuf, String> {
        let store = Store::open(&self.data_dir).map_err(|error| format!("cannot {error}"))?;
        let template = store.ensure(self.template, &()).map_err(|error| format!("cannot {error}"))?;
        Ok(template.root.join("bin/python"))
    }

    fn request(&self) -> SandboxRequest {
        SandboxRequest { template: Some(self.template.to_owned()), ..SandboxRequest::default() }
    }

    /// Wall time in milliseconds from the request for a sandbox of its own to the outcome. The sandbox is destroyed
    /// before this returns, so that its end does not weigh on the next sample.
    ///
    /// # Errors
    /// Whatever kept the code from printing what it has to.
    pub async fn fresh(&self, code: &str, prints: &str) -> Result<f64, String> {
        let place = Place::Fresh(self.request());
        let request = ExecuteRequest::new(code, Language::Python, place);
        let start = Instant::now();
        let execution = self.interpreter.execute(&Caller::local(), request).await;
        let execution = execution.map_err(|error| format!("cannot {error}"))?;
        let sandbox = execution.sandbox().cloned();
        let outcome = execution.outcome().await;
        let wall_ms = start.elapsed().as_secs_f64() * 1000.0;
        if outcome.status != Status::Ok || outcome.stdout != prints {
            return Err(format!("the code ended otherwise: {outcome:?}"));
        }
        if let Some(sandbox) = sandbox {
            sandbox.destroy().await;
        }
        Ok(wall_ms)
    }

    /// A Python context in a new sandbox.
    ///
    /// # Errors
    /// Whatever kept the sandbox from being made.
    pub async fn context(&self) -> Result<Arc<Context>, String> {
        let sandbox = self.interpreter.create_sandbox(&Caller::local(), self.request()).await;
        let sandbox = sandbox.map_err(|error| format!("cannot {error}"))?;
        let context = sandbox.create_context(ContextRequest::default()).await;
        context.map_err(|error| format!("cannot {error}"))
    }

    /// Runs code in a context.
    ///
    /// # Errors
    /// Any end but success.
    pub async fn run(&self, context: &Arc<Context>, code: &str) -> Result<Outcome, String> {
        let place = Place::Context(context.clone());
        let request = ExecuteRequest::new(code, Language::Python, place);
        let execution = self.interpreter.execute(&Caller::local(), request).await;
        let outcome = execution.map_err(|error| format!("cannot {error}"))?.outcome().await;
        match outcome.status {
            Status::Ok => Ok(outcome),
            _ => Err(format!("the code ended otherwise: {outcome:?}")),
        }
    }

    /// Runs `1+1` and checks its result.
    ///
    /// # Errors
    /// Any other result than 2.
    pub async fn one_and_one(&self, context: &Arc<Context>) -> Result<(), String> {
        let outcome = self.run(context, "1+1").await?;
        let result = outcome.results.first().and_then(|bundle| bundle.data.get("text/plain")?.as_str());
        if result == Some("2") { Ok(()) } else { Err(format!("1+1 is not 2: {outcome:?}")) }
    }
}
