//! Carries standard input to a context or a command, no faster than it is read.

use crate::{Sandbox, Stdin, credit::Credit, routes::Input, runner::Runner};
use bytes::Bytes;
use protocol::guest::Request;
use std::sync::Arc;
use tokio::{sync::mpsc, task::AbortHandle};

const PIECE_BYTES: usize = 64 << 10;

/// Begins to carry it; `None` where there is none to carry. A context is told when it has ended.
pub(crate) fn feed(runner: &Runner, credit: &Arc<Credit>, stdin: Stdin) -> Option<AbortHandle> {
    let Stdin::Piped(source) = stdin else {
        return None;
    };
    let (credit, input, sandbox) = (credit.clone(), runner.input(), runner.sandbox().clone());
    let pump = async move {
        if pump(&sandbox, &input, &credit, source).await
            && let Input::Context(id) = &input
            && let Ok(context) = sandbox.context(id)
        {
            context.stdin_ended();
        }
    };
    Some(tokio::spawn(pump).abort_handle())
}

/// True when all of it was sent.
async fn pump(
    sandbox: &Arc<Sandbox>,
    input: &Input,
    credit: &Credit,
    mut source: mpsc::Receiver<Bytes>,
) -> bool {
    let (context, execution) = match input {
        Input::Context(id) => (Some(id.clone()), None),
        Input::Command(id) => (None, Some(id.clone())),
    };
    let order = |end| Request::Stdin { context: context.clone(), execution: execution.clone(), end };
    while let Some(bytes) = source.recv().await {
        for piece in bytes.chunks(PIECE_BYTES) {
            if !credit.take(piece.len()).await || sandbox.wire().send(&order(false), piece).await.is_err() {
                return false;
            }
        }
    }
    sandbox.wire().post(&order(true));
    true
}
