//! `create_sandbox` and `close_sandbox`.

use crate::mcp::arguments::{self, CloseSandbox, CreateSandbox};
use crate::mcp::call::Call;
use crate::mcp::refusal::Stop;
use crate::mcp::{Shared, words};
use desk::NewSandbox;
use rmcp::model::{CallToolResult, ContentBlock, JsonObject};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Seconds that a sandbox may be kept unused.
pub const TTL_SECONDS_MAX: u64 = 86_400;

/// `create_sandbox`.
pub async fn create(
    shared: &Arc<Shared>,
    call: &Call<'_>,
    arguments: Option<JsonObject>,
) -> Result<CallToolResult, Stop> {
    const TOOL: &str = "create_sandbox";
    let CreateSandbox { ttl_seconds } = arguments::read(TOOL, arguments)?;
    let ttl_seconds = ttl_seconds.unwrap_or(shared.desk.settings().ttl.as_secs());
    if !(1..=TTL_SECONDS_MAX).contains(&ttl_seconds) {
        let why = format!("ttl_seconds is {ttl_seconds}, not from 1 to {TTL_SECONDS_MAX}");
        return Err(arguments::wrong(TOOL, &why));
    }
    call.unless_cancelled(shared.prepare()).await?;
    let ttl = Some(Duration::from_secs(ttl_seconds));
    let new = NewSandbox { sandbox: shared.room.clone(), ttl, metadata: BTreeMap::new() };
    let made = async {
        let made = shared.desk.create_sandbox(&call.visitor, new).await;
        made.map_err(|error| shared.no_room(&call.visitor, error))
    };
    let lease = call.unless_cancelled(made).await?;
    let (id, isolation) = (lease.id(), lease.sandbox().isolation());
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
    shared.close(&call.visitor, &sandbox).await?;
    let text = format!("sandbox {sandbox} is closed: its variables and files are gone");
    Ok(result(text, json!({ "sandbox": sandbox, "closed": true })))
}

/// Text for the model, and the same for programs.
pub fn result(text: String, structured: Value) -> CallToolResult {
    let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
    result.structured_content = Some(structured);
    result
}
