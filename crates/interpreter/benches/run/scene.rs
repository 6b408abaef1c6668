//! An interpreter to measure, and short ways to run code that has to succeed.

use crate::subject;
use interpreter::{
    Caller, Context, ContextRequest, ExecuteRequest, Interpreter, Place, PoolSettings, Preload,
    SandboxRequest, Settings, Warm, template::Store,
};
use protocol::{Language, Outcome, Status};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a shelf may take to be filled.
const PATIENCE: Duration = Duration::from_secs(120);

/// An interpreter, and the template that all sandboxes show.
pub struct Scene {
    interpreter: Interpreter,
    template: &'static str,
}

/// An error of ours, for people.
fn cannot(error: impl std::fmt::Display) -> String {
    format!("cannot {error}")
}

impl Scene {
    /// Opens it with a subject's backend. A template that is not built is built with the first sandbox.
    ///
    /// # Errors
    /// A subject that cannot run on this host.
    pub fn open(subject: &str, template: &'static str) -> Result<Scene, String> {
        let interpreter = subject::open(subject, Preload::Full);
        match subject::hindrance(subject, &interpreter) {
            Some((_, why)) => Err(why),
            None => Ok(Scene { interpreter, template }),
        }
    }

    /// Opens it with the native backend and a pool of this kind.
    ///
    /// # Errors
    /// As for [`Scene::open`].
    pub fn with_pool(pool: PoolSettings, template: &'static str) -> Result<Scene, String> {
        Scene::open("native", template)?;
        let (backend, preload) = (Some("native".to_owned()), Preload::Full);
        let settings = Settings { backend, preload, pool, ..Settings::new(subject::data_dir()) };
        let interpreter = Interpreter::open(settings).map_err(cannot)?;
        Ok(Scene { interpreter, template })
    }

    /// The template's own Python, as this host runs it.
    ///
    /// # Errors
    /// A template that cannot be built.
    pub fn template_python(&self) -> Result<PathBuf, String> {
        let store = Store::open(subject::data_dir()).map_err(cannot)?;
        Ok(store.ensure(self.template, &()).map_err(cannot)?.root.join("bin/python"))
    }

    /// The image of the template, made when the engine does not have it.
    ///
    /// # Errors
    /// An engine that cannot make it, and a backend that has no images.
    pub async fn image(&self) -> Result<String, String> {
        let store = Store::open(subject::data_dir()).map_err(cannot)?;
        let template = store.ensure(self.template, &()).map_err(cannot)?;
        for backend in self.interpreter.backends() {
            if let Some(name) = backend.prepare(&template, false).await.map_err(|error| error.message)? {
                return Ok(name);
            }
        }
        Err("no backend of this subject has images".into())
    }

    fn request(&self) -> SandboxRequest {
        SandboxRequest { template: Some(self.template.to_owned()), ..SandboxRequest::default() }
    }

    /// A shelf with so many warm sandboxes, from which [`Scene::create`] and [`Scene::fresh`] take as long as it lives.
    ///
    /// # Errors
    /// A request that cannot be.
    pub fn keep_warm(&self, count: usize) -> Result<Warm, String> {
        self.interpreter.keep_warm(self.request(), count).map_err(cannot)
    }

    /// Wall time in milliseconds from the request for a sandbox until its guest has greeted. The sandbox is destroyed
    /// before this returns.
    ///
    /// # Errors
    /// Whatever kept the sandbox from being made.
    pub async fn create(&self) -> Result<f64, String> {
        let start = Instant::now();
        let sandbox = self.interpreter.create_sandbox(&Caller::local(), self.request()).await;
        let wall_ms = start.elapsed().as_secs_f64() * 1000.0;
        sandbox.map_err(cannot)?.destroy().await;
        Ok(wall_ms)
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
        let execution = self.interpreter.execute(&Caller::local(), request).await.map_err(cannot)?;
        let sandbox = execution.sandbox().cloned();
        let outcome = execution.outcome().await;
        let wall_ms = start.elapsed().as_secs_f64() * 1000.0;
        if let Some(sandbox) = sandbox {
            sandbox.destroy().await;
        }
        if outcome.status != Status::Ok || outcome.stdout != prints {
            return Err(format!("the code ended otherwise: {outcome:?}"));
        }
        Ok(wall_ms)
    }

    /// A Python context in a new sandbox.
    ///
    /// # Errors
    /// Whatever kept the sandbox from being made.
    pub async fn context(&self) -> Result<Arc<Context>, String> {
        let sandbox = self.interpreter.create_sandbox(&Caller::local(), self.request()).await;
        sandbox.map_err(cannot)?.create_context(ContextRequest::default()).await.map_err(cannot)
    }

    /// Runs code in a context.
    ///
    /// # Errors
    /// Any end but success.
    pub async fn run(&self, context: &Arc<Context>, code: &str) -> Result<Outcome, String> {
        let place = Place::Context(context.clone());
        let request = ExecuteRequest::new(code, Language::Python, place);
        let execution = self.interpreter.execute(&Caller::local(), request).await;
        let outcome = execution.map_err(cannot)?.outcome().await;
        match outcome.status {
            Status::Ok => Ok(outcome),
            _ => Err(format!("the code ended otherwise: {outcome:?}")),
        }
    }

    /// Wall time in milliseconds of `1+1` in a context.
    ///
    /// # Errors
    /// Any other result than 2.
    pub async fn one_and_one(&self, context: &Arc<Context>) -> Result<f64, String> {
        let start = Instant::now();
        let outcome = self.run(context, "1+1").await?;
        let wall_ms = start.elapsed().as_secs_f64() * 1000.0;
        let result = outcome.results.first().and_then(|bundle| bundle.data.get("text/plain")?.as_str());
        if result == Some("2") { Ok(wall_ms) } else { Err(format!("1+1 is not 2: {outcome:?}")) }
    }
}

/// Waits until the shelf is full, so that filling it does not weigh on what is measured next.
///
/// # Errors
/// A shelf that does not become full.
pub async fn full(warm: Option<&Warm>) -> Result<(), String> {
    let Some(warm) = warm else { return Ok(()) };
    tokio::time::timeout(PATIENCE, warm.ready()).await.map_err(|_| "the pool was not filled".to_owned())
}
