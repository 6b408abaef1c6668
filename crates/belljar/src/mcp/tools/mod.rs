//! The tools: what they are called, what they take, and who carries them out. Their order never changes.

mod ask;
pub mod files;
mod listing;
mod run;
mod sandboxes;

use super::Shared;
use super::call::Call;
use super::refusal::Stop;
use rmcp::model::{CallToolRequestParams, CallToolResult};
use std::sync::Arc;

pub use listing::all;

/// Calls a tool.
///
/// # Errors
/// When there is no such tool, the arguments do not fit, or it cannot be carried out.
pub async fn call(
    shared: &Arc<Shared>,
    call: &Call<'_>,
    request: CallToolRequestParams,
) -> Result<CallToolResult, Stop> {
    let arguments = request.arguments;
    match request.name.as_ref() {
        "run_code" => run::code(shared, call, arguments).await,
        "run_command" => run::command(shared, call, arguments).await,
        "create_sandbox" => sandboxes::create(shared, call, arguments).await,
        "close_sandbox" => sandboxes::close(shared, call, arguments).await,
        "list_files" => files::list(shared, call, arguments).await,
        "read_file" => files::read(shared, call, arguments).await,
        "write_file" => files::write(shared, call, arguments).await,
        "ask" if shared.model.is_some() => ask::ask(shared, call, arguments).await,
        name => Err(Stop::Arguments(format!("cannot find a tool named {name:?}"))),
    }
}
