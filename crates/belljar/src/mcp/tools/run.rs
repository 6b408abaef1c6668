//! `run_code` and `run_command`: once in a sandbox of its own, or in a sandbox that the client holds.

use crate::mcp::Shared;
use crate::mcp::arguments::{self, RunCode, RunCommand};
use crate::mcp::call::{Call, Wanted};
use crate::mcp::content::{self, Ran};
use crate::mcp::refusal::Stop;
use desk::{Alone, File, Lease};
use interpreter::{CommandRequest, ExecuteRequest, Place, Program};
use protocol::{Language, Outcome, SandboxId};
use rmcp::model::{CallToolResult, JsonObject};
use std::sync::Arc;
use std::time::Duration;

/// Bytes of each stream that an outcome keeps here; what is beyond lies in a file of a kept sandbox.
const OUTPUT_BYTES: u64 = 64 << 10;
/// How long a sandbox is kept that nobody asked for, for the files that a run left in it.
pub const SPARE_TTL: Duration = Duration::from_secs(300);

/// What shall run, and where.
struct Order {
    what: What,
    sandbox: Option<SandboxId>,
    timeout_ms: Option<u64>,
    files: Vec<File>,
}

enum What {
    Code(String, Language),
    Command(String),
}

/// `run_code`.
pub async fn code(
    shared: &Arc<Shared>,
    call: &Call<'_>,
    arguments: Option<JsonObject>,
) -> Result<CallToolResult, Stop> {
    const TOOL: &str = "run_code";
    let RunCode { code, language, sandbox, timeout, files } = arguments::read(TOOL, arguments)?;
    let timeout_ms = arguments::timeout(TOOL, timeout, shared.room.limits.timeout_ms)?;
    let what = What::Code(arguments::filled(TOOL, "code", code)?, language.unwrap_or_default());
    let files = arguments::contents(TOOL, files)?;
    run(shared, call, Order { what, sandbox, timeout_ms, files }).await
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
    let what = What::Command(arguments::filled(TOOL, "command", command)?);
    let files = arguments::contents(TOOL, files)?;
    run(shared, call, Order { what, sandbox, timeout_ms, files }).await
}

async fn run(shared: &Arc<Shared>, call: &Call<'_>, order: Order) -> Result<CallToolResult, Stop> {
    match &order.sandbox {
        None => once(shared, call, order).await,
        Some(id) => {
            let lease = shared.find(&call.visitor, id).await?;
            lease.claim();
            match &order.what {
                What::Code(_, language) => in_context(shared, call, &order, (lease, *language)).await,
                What::Command(_) => beside(shared, call, &order, lease).await,
            }
        }
    }
}

/// Runs in a sandbox of its own. It is kept for a while where files are left in it.
async fn once(shared: &Arc<Shared>, call: &Call<'_>, mut order: Order) -> Result<CallToolResult, Stop> {
    call.unless_cancelled(shared.prepare()).await?;
    let files = std::mem::take(&mut order.files);
    let alone = Alone { sandbox: shared.room.clone(), files, keep: Some(SPARE_TTL) };
    let desk = &shared.desk;
    let begun = async {
        let turn = desk.turn_alone(&call.visitor, &alone.sandbox.limits).await?;
        match &order.what {
            What::Code(code, language) => desk.execute_alone(turn, alone, order.code(code, *language)).await,
            What::Command(line) => desk.command_alone(turn, alone, order.command(line)).await,
        }
    };
    let run = call.unless_cancelled(begun).await?;
    let (outcome, _) = call.follow(Wanted::new(run, None)).await?;
    let kept = outcome.sandbox.as_ref().filter(|id| desk.look_at_sandbox(&call.visitor, id).is_ok());
    Ok(shown(shared, &order, &outcome, (kept.is_some(), kept.map(spare))))
}

fn spare(id: &SandboxId) -> String {
    format!(
        "the files are in the sandbox {id}, which is kept for {} minutes: pass it as `sandbox` to go on there",
        SPARE_TTL.as_secs() / 60
    )
}

/// Runs code in a sandbox that the client holds, where code of its language ran before.
async fn in_context(
    shared: &Arc<Shared>,
    call: &Call<'_>,
    order: &Order,
    (lease, language): (Lease, Language),
) -> Result<CallToolResult, Stop> {
    let sandbox = lease.sandbox().clone();
    call.unless_cancelled(File::write_all(&sandbox, &order.files)).await?;
    let usual = lease.usual(language);
    let mut hold = call.unless_cancelled(async { Ok::<_, Stop>(usual.lock_owned().await) }).await?;
    let turn = call.unless_cancelled(shared.desk.turn_in(&call.visitor, &lease)).await?;
    let context = call.unless_cancelled(lease.usual_context(&mut hold, language)).await?;
    let (desk, request) = (shared.desk.clone(), order.code(order.text(), language));
    let begin = async move { desk.execute_in(turn, lease, context, request).await };
    let wanted = call.begun(begin, Some(hold)).await?;
    let (outcome, _hold) = call.follow(wanted).await?;
    let note = match (outcome.context_alive || outcome.sandbox.is_none(), sandbox.is_alive()) {
        (true, _) => None,
        (false, true) => Some(
            "the interpreter has ended: its variables and imports are lost, files in /workspace are still there",
        ),
        (false, false) => Some(GONE),
    };
    Ok(shown(shared, order, &outcome, (sandbox.is_alive(), note.map(str::to_owned))))
}

const GONE: &str = "the sandbox is gone with its variables and files: call create_sandbox to go on";

/// Runs a command in a sandbox that the client holds, beside its contexts.
async fn beside(
    shared: &Arc<Shared>,
    call: &Call<'_>,
    order: &Order,
    lease: Lease,
) -> Result<CallToolResult, Stop> {
    let sandbox = lease.sandbox().clone();
    call.unless_cancelled(File::write_all(&sandbox, &order.files)).await?;
    let turn = call.unless_cancelled(shared.desk.turn_in(&call.visitor, &lease)).await?;
    let (desk, request) = (shared.desk.clone(), order.command(order.text()));
    let begin = async move { desk.command_in(turn, lease, request, false).await };
    let wanted = call.begun(begin, None).await?;
    let (outcome, _) = call.follow(wanted).await?;
    let note = (!sandbox.is_alive()).then(|| GONE.to_owned());
    Ok(shown(shared, order, &outcome, (sandbox.is_alive(), note)))
}

impl Order {
    fn text(&self) -> &str {
        match &self.what {
            What::Code(text, _) | What::Command(text) => text,
        }
    }

    fn code(&self, code: &str, language: Language) -> ExecuteRequest {
        // The desk says where.
        let place = Place::Fresh(Default::default());
        ExecuteRequest {
            timeout_ms: self.timeout_ms,
            output_bytes_max: Some(OUTPUT_BYTES),
            ..ExecuteRequest::new(code, language, place)
        }
    }

    fn command(&self, line: &str) -> CommandRequest {
        CommandRequest {
            timeout_ms: self.timeout_ms,
            output_bytes_max: Some(OUTPUT_BYTES),
            ..CommandRequest::new(Program::Shell(line.to_owned()))
        }
    }
}

fn shown(
    shared: &Shared,
    order: &Order,
    outcome: &Outcome,
    (kept, note): (bool, Option<String>),
) -> CallToolResult {
    let (libraries, limits) = (shared.libraries(), &shared.room.limits);
    content::of(&Ran { outcome, code: order.text(), libraries, limits, kept, note })
}
