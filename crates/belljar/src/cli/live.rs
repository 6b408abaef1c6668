//! What `run` and `repl` do before code can run: a template, an interpreter, a sandbox with files in it.

use super::Site;
use super::failure::{Done, EXIT_MISSING, EXIT_OURS, EXIT_USAGE, Failure, without_number};
use super::upload::Uploads;
use crate::render::progress::Bar;
use interpreter::template::{PythonError, Store, Template, TemplateError};
use interpreter::{Caller, Error, ExecuteRequest, Execution, Interpreter, Sandbox, SandboxRequest, Settings};
use std::sync::Arc;

/// An interpreter whose template is ready.
pub struct Live {
    interpreter: Interpreter,
    caller: Caller,
    /// Keeps the template from being removed meanwhile.
    _template: Option<Template>,
}

impl Live {
    /// Makes the request's template ready where it is not. Starts nothing.
    pub async fn open(site: &Site, request: &SandboxRequest, settings: Settings) -> Done<Live> {
        let interpreter = Interpreter::open(settings).map_err(failure)?;
        let shown = interpreter.shows_templates(request.backend.as_deref()).map_err(failure)?;
        let template = match request.template.clone() {
            Some(name) if shown => Some(ensure(site.store()?, name).await?),
            _ => None,
        };
        Ok(Live { interpreter, caller: Caller::local(), _template: template })
    }

    /// What runs code, for whoever starts it.
    pub fn interpreter(&self) -> Interpreter {
        self.interpreter.clone()
    }

    /// Who asks.
    pub fn caller(&self) -> Caller {
        self.caller.clone()
    }

    /// A sandbox with these files and directories in `/workspace`.
    pub async fn sandbox(&self, request: SandboxRequest, uploads: &Uploads) -> Done<Arc<Sandbox>> {
        let sandbox = self.interpreter.create_sandbox(&self.caller, request).await.map_err(failure)?;
        let files = sandbox.files();
        for entry in &uploads.entries {
            match &entry.source {
                None => files.make_dir(&entry.path).await.map_err(failure)?,
                Some(source) => {
                    let file = tokio::fs::File::from_std(source.open()?);
                    files.write(&entry.path, file, entry.mode).await.map_err(failure)?;
                }
            }
        }
        Ok(sandbox)
    }

    /// Starts code.
    pub async fn execute(&self, request: ExecuteRequest) -> Done<Execution> {
        self.interpreter.execute(&self.caller, request).await.map_err(failure)
    }
}

/// The template, built first where it has to be; the build is shown on standard error.
async fn ensure(store: Store, name: String) -> Done<Template> {
    let built = tokio::task::spawn_blocking(move || {
        let bar = Bar::new();
        store.ensure(&name, &bar)
    });
    let built =
        built.await.map_err(|error| Failure::ours("template", format!("build the template: {error}")))?;
    built.map_err(template_failure)
}

/// An error of the interpreter as this program reports it.
pub fn failure(error: Error) -> Failure {
    let exit = match error.exit_code() {
        1 => EXIT_OURS,
        code => code as u8,
    };
    Failure { code: error.code(), message: without_number(&error.to_string()), hint: error.hint(), exit }
}

/// An error of the template store as this program reports it.
pub fn template_failure(error: TemplateError) -> Failure {
    let exit = match &error {
        TemplateError::Unknown(_) => EXIT_USAGE,
        TemplateError::Python(PythonError::Missing(_)) => EXIT_MISSING,
        _ => EXIT_OURS,
    };
    let hint = match error.hint() {
        hint if hint.is_empty() => {
            "check the data folder; --data-dir or BELLJAR_DATA_DIR names another one".to_owned()
        }
        hint => hint,
    };
    Failure { code: error.code(), message: without_number(&error.to_string()), hint: Some(hint), exit }
}
