//! `run_code` and `run_command`: once in a sandbox of its own, or in a sandbox that the client holds.

use super::files::write_all;
use crate::mcp::Shared;
use crate::mcp::arguments::{self, Content, RunCode, RunCommand};
use crate::mcp::call::Call;
use crate::mcp::content::{self, Ran};
use crate::mcp::refusal::Stop;
use crate::mcp::registry::{Lease, SPARE_TTL};
use interpreter::{ExecuteRequest, Execution, Place, Sandbox};
use protocol::{Language, Outcome, SandboxId};
use rmcp::model::{CallToolResult, JsonObject};
use std::sync::Arc;

/// Bytes of each stream that an outcome keeps here; what is beyond lies in a file of a kept sandbox.
const OUTPUT_BYTES: u64 = 64 << 10;

/// What shall run, and where.
struct Wanted {
    code: String,
    language: Language,
    sandbox: Option<SandboxId>,
    timeout_ms: Option<u64>,
    files: Vec<Content>,
    /// In a context that nothing else uses, before or after.
    alone: bool,
}

/// `run_code`.
pub async fn code(
    shared: &Arc<Shared>,
    call: &Call<'_>,
    arguments: Option<JsonObject>,
) -> Result<CallToolResult, Stop> {
    const TOOL: &str = "run_code";
    let RunCode { code, language, sandbox, timeout, files } = arguments::read(TOOL, arguments)?;
    let wanted = Wanted {
        code: arguments::filled(TOOL, "code", code)?,
        language: language.unwrap_or_default(),
        sandbox,
        timeout_ms: arguments::timeout(TOOL, timeout, shared.room.limits.timeout_ms)?,
        files: arguments::contents(TOOL, files)?,
        alone: false,
    };
    run(shared, call, wanted).await
}

/// `run_command`.
pub async fn command(
    shared: &Arc<Shared>,
    call: &Call<'_>,
    arguments: Option<JsonObject>,
) -> Result<CallToolResult, Stop> {
    const TOOL: &str = "run_command";
    let RunCommand { command, sandbox, timeout, files } = arguments::read(TOOL, arguments)?;
    let timeout_ms = arguments::timeout(TOOL, timeout, shared.room.limits.timeout_ms)?;
    let files = arguments::contents(TOOL, files)?;
    let command = arguments::filled(TOOL, "command", command)?;
    run(shared, call, Wanted { sandbox, timeout_ms, files, ..as_code(command) }).await
}

/// A command as code that runs it: Bash in a context of its own, which ends with it.
fn as_code(command: String) -> Wanted {
    let (sandbox, timeout_ms, files) = Default::default();
    Wanted { code: command, language: Language::Bash, sandbox, timeout_ms, files, alone: true }
}

async fn run(shared: &Arc<Shared>, call: &Call<'_>, wanted: Wanted) -> Result<CallToolResult, Stop> {
    let turn = call.unless_cancelled(shared.gate.enter()).await?;
    match &wanted.sandbox {
        None => once(shared, call, &wanted).await,
        Some(id) => {
            let lease = shared.registry.find(&call.caller, id)?;
            lease.claim();
            kept(shared, call, &wanted, Held { lease, _turn: turn }).await
        }
    }
}

/// Runs in a sandbox of its own. It is kept for a while where files are left in it.
async fn once(shared: &Arc<Shared>, call: &Call<'_>, wanted: &Wanted) -> Result<CallToolResult, Stop> {
    call.unless_cancelled(shared.prepare()).await?;
    let place = if wanted.files.is_empty() || denied(shared, wanted).await {
        Place::Fresh(shared.room.clone())
    } else {
        let filled = async {
            let sandbox = shared.sandbox(&call.caller).await?;
            write_all(&sandbox, &wanted.files).await?;
            Ok::<_, Stop>(sandbox)
        };
        Place::Sandbox(call.unless_cancelled(filled).await?)
    };
    let request = request(wanted, place);
    let mut execution = call.unless_cancelled(shared.interpreter.execute(&call.caller, request)).await?;
    let Some(outcome) = call.follow(&mut execution).await else {
        end(&execution).await;
        return Err(Stop::Cancelled);
    };
    let lease = leave(shared, &execution, &outcome);
    if let (Some(lease), true, false) = (&lease, outcome.context_alive, wanted.alone) {
        *lease.slot(wanted.language).lock().await = execution.context();
    }
    let note = lease.as_ref().map(|lease| spare(lease.sandbox().id()));
    Ok(shown(shared, wanted, &outcome, lease.is_some(), note))
}

/// A cancelled run leaves nothing behind.
async fn end(execution: &Execution) {
    if let Some(sandbox) = execution.sandbox() {
        sandbox.destroy().await;
    }
}

/// Keeps the sandbox of a run that left files in it.
fn leave(shared: &Arc<Shared>, execution: &Execution, outcome: &Outcome) -> Option<Lease> {
    let sandbox = execution.sandbox().filter(|sandbox| sandbox.is_alive() && !outcome.files.is_empty())?;
    shared.registry.keep_spare(Arc::clone(sandbox))
}

fn spare(id: &SandboxId) -> String {
    format!(
        "the files are in the sandbox {id}, which is kept for {} minutes: pass it as `sandbox` to go on there",
        SPARE_TTL.as_secs() / 60
    )
}

/// What a run holds until its code has ended, also where the client does not wait for that.
struct Held {
    lease: Lease,
    _turn: tokio::sync::OwnedSemaphorePermit,
}

/// Runs in a sandbox that the client holds, where code of its language ran before.
async fn kept(
    shared: &Arc<Shared>,
    call: &Call<'_>,
    wanted: &Wanted,
    held: Held,
) -> Result<CallToolResult, Stop> {
    let sandbox = held.lease.sandbox().clone();
    call.unless_cancelled(write_all(&sandbox, &wanted.files)).await?;
    let slot = if wanted.alone { Default::default() } else { held.lease.slot(wanted.language) };
    let mut slot = call.unless_cancelled(async { Ok::<_, Stop>(slot.lock_owned().await) }).await?;
    let place = match slot.take().filter(|context| context.is_alive()) {
        Some(context) => Place::Context(context),
        None => Place::Sandbox(sandbox.clone()),
    };
    let request = request(wanted, place);
    // Not given up half-way: what has begun is ended below.
    let mut execution = shared.interpreter.execute(&call.caller, request).await?;
    *slot = execution.context();
    let Some(outcome) = call.follow(&mut execution).await else {
        // Wholly: an interrupt would leave the processes that the code has started.
        slot.take().inspect(|context| context.kill());
        tokio::spawn(async move {
            execution.outcome().await;
            drop((slot, held));
        });
        return Err(Stop::Cancelled);
    };
    let mut note = None;
    if !outcome.context_alive && outcome.sandbox.is_some() {
        *slot = None;
        note = lost(&sandbox, wanted);
    }
    Ok(shown(shared, wanted, &outcome, sandbox.is_alive(), note))
}

/// What is lost with a context that ended.
fn lost(sandbox: &Sandbox, wanted: &Wanted) -> Option<String> {
    let text = match (sandbox.is_alive(), wanted.alone) {
        (false, _) => "the sandbox is gone with its variables and files: call create_sandbox to go on",
        (true, false) => {
            "the interpreter has ended: its variables and imports are lost, files in /workspace are still there"
        }
        (true, true) => return None,
    };
    Some(text.to_owned())
}

/// Whether the policy denies it: no sandbox is filled with files for that.
async fn denied(shared: &Arc<Shared>, wanted: &Wanted) -> bool {
    let (policy, code, language) = (shared.policy.clone(), wanted.code.clone(), wanted.language);
    let checked = tokio::task::spawn_blocking(move || ::policy::check(&policy, language, &code).denied).await;
    // The door looks again; this only spares it work.
    checked.unwrap_or(false)
}

fn request(wanted: &Wanted, place: Place) -> ExecuteRequest {
    ExecuteRequest {
        timeout_ms: wanted.timeout_ms,
        output_bytes_max: Some(OUTPUT_BYTES),
        ..ExecuteRequest::new(wanted.code.as_str(), wanted.language, place)
    }
}

fn shown(
    shared: &Shared,
    wanted: &Wanted,
    outcome: &Outcome,
    kept: bool,
    note: Option<String>,
) -> CallToolResult {
    let (libraries, limits) = (shared.libraries(), &shared.room.limits);
    content::of(&Ran { outcome, code: &wanted.code, libraries, limits, kept, note })
}
