//! `create_sandbox` and `close_sandbox`.

use crate::mcp::arguments::{self, CloseSandbox, CreateSandbox};
use crate::mcp::call::Call;
use crate::mcp::refusal::Stop;
use crate::mcp::{Shared, words};
use rmcp::model::{CallToolResult, ContentBlock, JsonObject};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Seconds that a sandbox is kept unused, where a client names none, and at most.
pub const TTL_SECONDS: u64 = 900;
pub const TTL_SECONDS_MAX: u64 = 86_400;

/// `create_sandbox`.
pub async fn create(
    shared: &Arc<Shared>,
    call: &Call<'_>,
    arguments: Option<JsonObject>,
) -> Result<CallToolResult, Stop> {
    const TOOL: &str = "create_sandbox";
    let CreateSandbox { ttl_seconds } = arguments::read(TOOL, arguments)?;
    let ttl_seconds = ttl_seconds.unwrap_or(TTL_SECONDS);
    if !(1..=TTL_SECONDS_MAX).contains(&ttl_seconds) {
        let why = format!("ttl_seconds is {ttl_seconds}, not from 1 to {TTL_SECONDS_MAX}");
        return Err(arguments::wrong(TOOL, &why));
    }
    let room = shared.registry.reserve(&call.caller)?;
    let sandbox = call.unless_cancelled(shared.sandbox(&call.caller)).await?;
    let isolation = sandbox.isolation();
    let lease = shared.registry.keep(sandbox, Duration::from_secs(ttl_seconds), room);
    let id = lease.sandbox().id();
    let limits = words::in_words(&shared.room.limits);
    let text = format!(
        "sandbox: {id}\nPass it as `sandbox`. It is destroyed when nobody used it for {ttl_seconds} s. Limits: {limits}."
    );
    let made = json!({
        "sandbox": id, "ttl_seconds": ttl_seconds, "template": shared.room.template,
        "limits": shared.room.limits, "isolation": isolation,
    });
    Ok(result(text, made))
}

/// `close_sandbox`.
pub async fn close(
    shared: &Arc<Shared>,
    call: &Call<'_>,
    arguments: Option<JsonObject>,
) -> Result<CallToolResult, Stop> {
    let CloseSandbox { sandbox } = arguments::read("close_sandbox", arguments)?;
    shared.registry.close(&call.caller, &sandbox).await?;
    let text = format!("sandbox {sandbox} is closed: its variables and files are gone");
    Ok(result(text, json!({ "sandbox": sandbox, "closed": true })))
}

/// Text for the model, and the same for programs.
pub fn result(text: String, structured: Value) -> CallToolResult {
    let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
    result.structured_content = Some(structured);
    result
}
