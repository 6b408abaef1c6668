//! One client over standard input and output, as programs that start their servers themselves do it.
//!
//! The client is gone when standard input ends: whatever runs for it is killed at once, and its sandboxes with it.

use super::{Handler, Shared, Whose};
use crate::cli::failure::{Done, Failure};
use desk::Visitor;
use rmcp::service::serve_server;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::watch;

/// Serves until the client, who is this visitor, is gone.
///
/// # Errors
/// When the client does not begin as the protocol says.
pub async fn serve(shared: &Arc<Shared>, visitor: Visitor) -> Done<()> {
    let (gone, hangup) = watch::channel(false);
    let handler = Handler::new(shared.clone(), Whose::Visitor(visitor)).with_hangup(hangup);
    let (input, output) = rmcp::transport::stdio_pipes();
    let input = Watched { input, gone };
    let running = match serve_server(handler, (input, output)).await {
        Ok(running) => running,
        Err(rmcp::service::ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
        Err(error) => {
            let failure = Failure::ours("mcp", format!("talk to the client: {}", brief(&error.to_string())));
            return Err(
                failure.hint("an MCP client has to be at the other end; docs/guides/mcp.md shows how")
            );
        }
    };
    running.waiting().await.map_err(|error| Failure::ours("mcp", format!("serve the client: {error}")))?;
    Ok(())
}

fn brief(text: &str) -> String {
    interpreter::plain(text).replace('\n', " ").chars().take(300).collect()
}

/// Tells when the input has ended.
struct Watched<R> {
    input: R,
    gone: watch::Sender<bool>,
}

impl<R: AsyncRead + Unpin> AsyncRead for Watched<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.input).poll_read(context, buffer);
        let ended = match &polled {
            Poll::Ready(Ok(())) => buffer.filled().len() == before && buffer.capacity() > before,
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        };
        if ended {
            self.gone.send_replace(true);
        }
        polled
    }
}
