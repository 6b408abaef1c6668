//! Where the tests run: an interpreter on the native backend, and short ways to run code on it.

use interpreter::{
    Caller, Context, ContextRequest, ExecuteRequest, Interpreter, Place, Preload, Sandbox, SandboxRequest,
    Settings,
};
use protocol::{Language, Limits, Outcome};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where templates of the tests are.
pub fn data_dir() -> PathBuf {
    let tmp = || PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("conformance");
    std::env::var_os("BELLJAR_DATA_DIR").map_or_else(tmp, PathBuf::from)
}

/// An interpreter on this host's own kernel; `None` where that cannot be.
pub fn open(data_dir: &Path, preload: Preload) -> Option<Interpreter> {
    let settings = Settings { backend: Some("native".into()), preload, ..Settings::new(data_dir) };
    let interpreter = Interpreter::open(settings).unwrap();
    if interpreter.backends()[0].probe().usable {
        return Some(interpreter);
    }
    let required = std::env::var("BELLJAR_REQUIRE").unwrap_or_default();
    assert!(!required.split(',').any(|name| name.trim() == "native"), "native is required");
    eprintln!("skipped: the native backend cannot run here");
    None
}

/// A sandbox with the smallest template.
pub fn request(limits: Limits) -> SandboxRequest {
    SandboxRequest { template: Some("python".to_owned()), limits, ..SandboxRequest::default() }
}

/// A Python context in a new sandbox.
pub async fn python(interpreter: &Interpreter, limits: Limits) -> Arc<Context> {
    let sandbox: Arc<Sandbox> = interpreter
        .create_sandbox(&Caller::local(), request(limits))
        .await
        .unwrap_or_else(|error| panic!("cannot {error}"));
    sandbox.create_context(ContextRequest::default()).await.unwrap()
}

/// Runs Python.
pub async fn run(interpreter: &Interpreter, place: Place, code: &str) -> Outcome {
    execute(interpreter, ExecuteRequest::new(code, Language::Python, place)).await
}

/// Runs a request.
pub async fn execute(interpreter: &Interpreter, request: ExecuteRequest) -> Outcome {
    let execution = interpreter.execute(&Caller::local(), request).await;
    execution.unwrap_or_else(|error| panic!("cannot {error}")).outcome().await
}
