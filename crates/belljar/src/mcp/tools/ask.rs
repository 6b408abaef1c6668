//! `ask`: a question for the model that is configured, which runs code here to answer it.

use crate::mcp::arguments;
use crate::mcp::call::Call;
use crate::mcp::progress::Progress;
use crate::mcp::refusal::Stop;
use crate::mcp::{Shared, content};
use agent::AskLimits;
use agent::chat::view::Lens;
use desk::{Asked, Lease, NewTalk, Question, Scope, Talk};
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
    let files = arguments::contents(TOOL, files)?;
    let Some(model) = &shared.model else { return Err(arguments::wrong(TOOL, "no model is configured")) };
    call.visitor.check(Scope::Answer)?;
    let given = match &sandbox {
        Some(id) => Some(shared.find(&call.visitor, id).await?),
        None => None,
    };
    call.unless_cancelled(shared.prepare()).await?;
    if let Some(lease) = &given {
        lease.claim();
    }
    let talk = NewTalk {
        model: model.clone(),
        mode: None,
        sandbox,
        room: shared.room.clone(),
        files,
        policy: None,
        libraries: shared.libraries().to_vec(),
    };
    let limits = AskLimits { deadline: Some(DEADLINE), ..AskLimits::default() };
    let question = Question { prompt, limits, keep: false, talk: Talk::New(Box::new(talk)) };
    let asked = call.unless_cancelled(shared.desk.ask(&call.visitor, question)).await?;
    let answer = follow(call, asked).await?;
    let used = answer.executions.iter().rev().find_map(|run| run.outcome.sandbox.as_ref());
    let changed = changed(&answer, used);
    let wanted = used.filter(|_| !changed.is_empty());
    let kept = match (given, wanted) {
        (None, Some(id)) => shared.find(&call.visitor, id).await.ok(),
        (given, _) => given,
    };
    Ok(shown(shared, &answer, &changed, kept))
}

/// Tells what happens until there is an answer. A cancelled one stops the model and the code.
async fn follow(call: &Call<'_>, mut asked: Asked) -> Result<Answer, Stop> {
    let mut progress = Progress::of(call.context);
    let follow = async {
        loop {
            tokio::select! {
                biased;
                event = asked.next() => match event {
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
