//! Sandboxes of this process.

use super::{Bench, Miss, Site};
use crate::cli::{live::Live, options::configured};
use interpreter::{
    Caller, Context, ContextRequest, ExecuteRequest, Interpreter, Place, Preload, Sandbox, SandboxRequest,
    Settings,
};
use protocol::{Language, Limits, Status};
use std::{path::PathBuf, sync::Arc, time::Instant};

/// An interpreter, and what its sandboxes are.
pub struct Scene {
    interpreter: Interpreter,
    request: SandboxRequest,
    _live: Live,
}

/// An error of ours, for people.
pub fn cannot(error: impl std::fmt::Display) -> String {
    format!("cannot {error}")
}

/// Milliseconds since then.
pub fn since(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1000.0
}

/// The Python of a template, which is built where it is not there.
pub fn template_python(site: &Site, name: &str) -> Result<PathBuf, Miss> {
    let bar = crate::render::progress::Bar::new();
    let template = site.store()?.ensure(name, &bar).map_err(cannot)?;
    Ok(template.root.join("bin/python"))
}

impl Scene {
    /// Sandboxes with this template and these limits.
    pub async fn open(bench: &Bench<'_>, template: &str, limits: Limits) -> Result<Scene, Miss> {
        let request =
            SandboxRequest { template: Some(template.to_owned()), limits, ..SandboxRequest::default() };
        let settings = Settings { preload: Preload::Full, ..configured(bench.site)? };
        let live = Live::open(bench.site, &request, settings).await?;
        Ok(Scene { interpreter: live.interpreter(), request, _live: live })
    }

    /// A new sandbox.
    pub async fn sandbox(&self) -> Result<Arc<Sandbox>, String> {
        self.interpreter.create_sandbox(&Caller::local(), self.request.clone()).await.map_err(cannot)
    }

    /// A Python context in a new sandbox.
    pub async fn context(&self) -> Result<Arc<Context>, String> {
        self.sandbox().await?.create_context(ContextRequest::default()).await.map_err(cannot)
    }

    /// What code prints in a context.
    pub async fn run(&self, context: &Arc<Context>, code: &str) -> Result<String, String> {
        let request = ExecuteRequest::new(code, Language::Python, Place::Context(context.clone()));
        let execution = self.interpreter.execute(&Caller::local(), request).await.map_err(cannot)?;
        let outcome = execution.outcome().await;
        match outcome.status {
            Status::Ok => Ok(outcome.stdout),
            status => Err(format!("the code ended as {status:?}: {:?}", outcome.error)),
        }
    }

    /// Milliseconds from the request for a sandbox of its own to what the code prints there. The sandbox is gone before
    /// this returns, so that its end does not weigh on the next sample.
    pub async fn fresh(&self, code: &str, prints: &str) -> Result<f64, String> {
        let request = ExecuteRequest::new(code, Language::Python, Place::Fresh(self.request.clone()));
        let start = Instant::now();
        let execution = self.interpreter.execute(&Caller::local(), request).await.map_err(cannot)?;
        let sandbox = execution.sandbox().cloned();
        let outcome = execution.outcome().await;
        let wall_ms = since(start);
        if let Some(sandbox) = sandbox {
            sandbox.destroy().await;
        }
        match outcome.stdout == prints {
            true => Ok(wall_ms),
            false => Err(format!("the code printed {:?}, {:?}", outcome.stdout, outcome.error)),
        }
    }
}
