//! `ask`: a question for the model that is configured, which runs code here to answer it.

use super::files::write_all;
use super::run::SPARE_TTL;
use crate::mcp::arguments::{self, Content};
use crate::mcp::call::Call;
use crate::mcp::progress::Progress;
use crate::mcp::refusal::Stop;
use crate::mcp::{Asks, Shared, content};
use agent::chat::view::Lens;
use agent::{Answering, AskLimits, Chat, MakeSandbox, NoSandbox, Setup};
use desk::{Lease, Spare};
use interpreter::Sandbox;
use protocol::{AgentEvent, Answer, AnswerStatus, EventKind, FileChange, SandboxId};
use rmcp::model::{CallToolResult, ContentBlock, JsonObject};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Wall time of one answer.
const DEADLINE: Duration = Duration::from_secs(600);
const PICTURES_MAX: usize = 4;

/// `ask`.
pub async fn ask(
    shared: &Arc<Shared>,
    call: &Call<'_>,
    arguments: Option<JsonObject>,
) -> Result<CallToolResult, Stop> {
    const TOOL: &str = "ask";
    let arguments::Ask { prompt, sandbox, files } = arguments::read(TOOL, arguments)?;
    let prompt = arguments::filled(TOOL, "prompt", prompt)?;
    let files = Arc::new(arguments::contents(TOOL, files)?);
    let Some(asks) = &shared.asks else { return Err(arguments::wrong(TOOL, "no model is configured")) };
    let lease = match &sandbox {
        Some(id) => Some(shared.find(&call.visitor, id)?),
        None => None,
    };
    call.unless_cancelled(shared.prepare()).await?;
    let turn = match &lease {
        Some(lease) => call.unless_cancelled(shared.desk.turn_in(&call.visitor, lease)).await?,
        None => call.unless_cancelled(shared.desk.turn_alone(&call.visitor, &shared.room.limits)).await?,
    };
    if let Some(lease) = &lease {
        lease.claim();
        call.unless_cancelled(write_all(lease.sandbox(), &files)).await?;
    }
    let held = lease.as_ref().map(|lease| lease.sandbox().clone());
    let chat = Chat::new(setup(shared, call, asks, Where { held, files }));
    let limits = AskLimits { deadline: Some(DEADLINE), ..AskLimits::default() };
    let answer = follow(call, chat.ask(prompt, limits)).await?;
    let used = chat.sandbox().await;
    let changed = changed(&answer, used.as_ref().map(|sandbox| sandbox.id()));
    let wanted = used.filter(|sandbox| sandbox.is_alive() && !changed.is_empty());
    let kept = match (lease, wanted) {
        (None, Some(sandbox)) => {
            let template = shared.room.template.clone();
            shared.desk.keep_spare(turn, Spare { sandbox, context: None, template, ttl: SPARE_TTL }).await
        }
        (lease, _) => lease,
    };
    Ok(shown(shared, &answer, &changed, kept))
}

/// Where the code of an answer runs, and what has to be there.
struct Where {
    held: Option<Arc<Sandbox>>,
    files: Arc<Vec<Content>>,
}

fn setup(shared: &Arc<Shared>, call: &Call<'_>, asks: &Asks, place: Where) -> Setup {
    let files = place.files.iter().map(|file| (file.path.clone(), file.bytes.len() as u64)).collect();
    Setup {
        interpreter: shared.desk.interpreter().clone(),
        caller: call.visitor.caller().clone(),
        model: asks.model.clone(),
        journal: asks.journal.clone(),
        policy: shared.policy().clone(),
        system: None,
        mode: None,
        files,
        room: shared.room.clone(),
        sandbox: maker(shared, call, place),
        libraries: shared.libraries().to_vec(),
    }
}

/// Hands out the sandbox that the client holds, as long as it lives; else a new one with the files in it.
fn maker(shared: &Arc<Shared>, call: &Call<'_>, place: Where) -> MakeSandbox {
    let (interpreter, room) = (shared.desk.interpreter().clone(), shared.room.clone());
    let caller = call.visitor.caller().clone();
    let place = Arc::new(place);
    Box::new(move || {
        let (interpreter, room, caller) = (interpreter.clone(), room.clone(), caller.clone());
        let place = place.clone();
        Box::pin(async move {
            if let Some(held) = place.held.clone().filter(|held| held.is_alive()) {
                return Ok(held);
            }
            let sandbox = interpreter.create_sandbox(&caller, room).await?;
            write_all(&sandbox, &place.files).await.map_err(NoSandbox::from)?;
            Ok(sandbox)
        })
    })
}

/// Tells what happens until there is an answer. A cancelled one stops the model and the code.
async fn follow(call: &Call<'_>, mut answering: Answering) -> Result<Answer, Stop> {
    let mut progress = Progress::of(call.context);
    let follow = async {
        loop {
            tokio::select! {
                biased;
                event = answering.next() => match event {
                    Some(AgentEvent::Answer { answer }) => return Some(*answer),
                    Some(event) => tell(&mut progress, &event),
                    None => return None,
                },
                () = progress.due() => progress.tell().await,
            }
        }
    };
    let answer = call.unless_cancelled(async { Ok::<_, Stop>(follow.await) }).await?;
    answer.ok_or(Stop::Cancelled)
}

fn tell(progress: &mut Progress, event: &AgentEvent) {
    match event {
        AgentEvent::Text { text, .. } => progress.add(text),
        AgentEvent::Code { attempt, code, .. } => progress.add(&format!("\n[code {attempt}]\n{code}\n")),
        AgentEvent::Execution { event, .. } => {
            if let EventKind::Stdout { text } | EventKind::Stderr { text } = &event.kind {
                progress.add(text);
            }
        }
        _ => {}
    }
}

fn shown(shared: &Shared, answer: &Answer, files: &[FileChange], kept: Option<Lease>) -> CallToolResult {
    let mut content = vec![ContentBlock::text(text(answer))];
    content.extend(pictures(shared, answer));
    let sandbox = kept.as_ref().map(|lease| lease.sandbox().id().clone());
    if let Some(sandbox) = &sandbox {
        content.extend(content::links(sandbox, files));
    }
    let mut result = match answer.status {
        AnswerStatus::Ok | AnswerStatus::Degraded => CallToolResult::success(content),
        _ => CallToolResult::error(content),
    };
    result.structured_content = Some(json!({
        "id": answer.id, "status": answer.status, "answer": answer.answer, "model": answer.model,
        "error": answer.error, "code_attempts": answer.code_attempts, "usage": answer.usage,
        "cost_usd": answer.cost_usd, "wall_ms": answer.wall_ms, "sandbox": sandbox, "files": files,
    }));
    result
}

fn text(answer: &Answer) -> String {
    let Some(error) = &answer.error else { return answer.answer.clone() };
    let hint = error.hint.as_ref().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
    let so_far = if answer.answer.is_empty() { String::new() } else { format!("\n\n{}", answer.answer) };
    format!("status: {}\nmessage: cannot {}{hint}{so_far}", error.code, error.message)
}

/// Pictures of the last executions that made some, as many as a model can look at.
fn pictures(shared: &Shared, answer: &Answer) -> Vec<ContentBlock> {
    let libraries = Vec::new();
    let lens = Lens { images: true, text_bytes: 0, libraries: &libraries, limits: &shared.room.limits };
    let ran = answer.executions.iter().rev();
    let mut pictures: Vec<ContentBlock> =
        ran.flat_map(|run| content::pictures(&run.outcome, &lens, &run.code)).take(PICTURES_MAX).collect();
    pictures.reverse();
    pictures
}

/// What was made or changed in the last sandbox of an answer, each file as it was last.
fn changed(answer: &Answer, sandbox: Option<&SandboxId>) -> Vec<FileChange> {
    let there =
        answer.executions.iter().filter(|run| sandbox.is_some() && run.outcome.sandbox.as_ref() == sandbox);
    let changes = there.flat_map(|run| run.outcome.files.iter().cloned());
    let last: BTreeMap<String, FileChange> = changes.map(|file| (file.path.clone(), file)).collect();
    last.into_values().collect()
}
