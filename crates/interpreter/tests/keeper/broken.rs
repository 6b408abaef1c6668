//! What is said when a sandbox's helpers outside of it do not come up.

use crate::place::{data_dir, open, python, request, run};
use interpreter::backend::{self, Backend, Later, Probe, StartError, StartRequest, Started, native::Native};
use interpreter::{Interpreter, Place, Preload, Settings};
use protocol::{Limits, Status};
use std::sync::Arc;

/// The native backend with templates that import ahead what is not there.
struct Broken(Native);

impl Backend for Broken {
    fn name(&self) -> &'static str {
        "native"
    }

    fn start(&self, mut request: StartRequest) -> Later<'_, Result<Started, StartError>> {
        request.preload = backend::Preload::Full;
        if let Some(template) = &mut request.template {
            template.preload = vec!["no_such_module".to_owned()];
        }
        self.0.start(request)
    }

    fn probe(&self) -> Probe {
        self.0.probe()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_zygote_whose_imports_fail_says_which() {
    let Some(interpreter) = open(&data_dir(), Preload::Lazy) else { return };
    python(&interpreter, Limits::default()).await;
    let settings = Settings::new(data_dir());
    let broken = Arc::new(Broken(Native::new(data_dir())));
    let interpreter = Interpreter::with_backends(settings, vec![broken]).unwrap();
    for round in 0..3 {
        let outcome = run(&interpreter, Place::Fresh(request(Limits::default())), "print(1)").await;
        assert_eq!((outcome.status, outcome.exit_code), (Status::Error, 127), "{round}");
        let message = outcome.error.unwrap().message;
        assert!(message.contains("No module named 'no_such_module'"), "{round}: {message}");
    }
}
