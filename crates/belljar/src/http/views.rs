//! What resources look like as JSON.

use chrono::{DateTime, SecondsFormat, Utc};
use desk::{Kept, Kind, Run};
use interpreter::Context;
use protocol::{ContextId, ExecutionId, Isolation, Language, Limits, Outcome, SandboxId};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A list, one page of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct List<T> {
    /// What is on this page.
    pub items: Vec<T>,
    /// The next page's `cursor`; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Where an execution stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It runs.
    Running,
    /// There is an outcome.
    Ended,
}

/// An execution or a command.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "Execution", as = Execution)]
pub struct RunView {
    /// Its id.
    pub id: ExecutionId,
    /// `code` or `command`.
    #[schema(value_type = String)]
    pub kind: Kind,
    /// Where it stands.
    pub state: State,
    /// Where it runs.
    pub sandbox: Option<SandboxId>,
    /// The interpreter that runs it.
    pub context: Option<ContextId>,
    /// Its language.
    pub language: Language,
    /// When it began: UTC, ISO 8601.
    pub started_at: String,
    /// How it ended, once it has.
    pub outcome: Option<Outcome>,
}

impl From<&Run> for RunView {
    fn from(run: &Run) -> RunView {
        let outcome = run.outcome();
        RunView {
            id: run.id.clone(),
            kind: run.kind,
            state: if outcome.is_some() { State::Ended } else { State::Running },
            sandbox: run.sandbox.clone(),
            context: run.context.clone(),
            language: run.language,
            started_at: time(run.started_at),
            outcome,
        }
    }
}

/// A live interpreter.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "Context", as = Context)]
pub struct ContextView {
    /// Its id.
    pub id: ContextId,
    /// Where it lives.
    pub sandbox: SandboxId,
    /// What it speaks.
    pub language: Language,
    /// Whether it can still run code.
    pub alive: bool,
    /// Whether an execution runs in it.
    pub busy: bool,
    /// Of which context it is a fork.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<ContextId>,
    /// Memory of its processes in bytes, where one context is asked for: what it shares with others counts in part. Not told while the
    /// sandbox is paused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
}

impl ContextView {
    /// A context of a kept sandbox.
    pub fn of(kept: &Kept, context: &Context) -> ContextView {
        ContextView {
            id: context.id().clone(),
            parent: kept.parent_of(context.id()),
            memory_bytes: None,
            sandbox: context.sandbox().id().clone(),
            language: context.language(),
            alive: context.is_alive(),
            busy: context.is_busy(),
        }
    }

    /// All contexts of one.
    pub fn all(kept: &Kept) -> Vec<ContextView> {
        kept.contexts().iter().map(|context| ContextView::of(kept, context)).collect()
    }
}

/// A sandbox that is kept.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "Sandbox", as = Sandbox)]
pub struct SandboxView {
    /// Its id.
    pub id: SandboxId,
    /// What is installed.
    pub template: Option<String>,
    /// When it was made: UTC, ISO 8601.
    pub created_at: String,
    /// When it ends where nobody uses it any more.
    pub expires_at: String,
    /// How long it is kept without being used.
    pub ttl_seconds: u64,
    /// Whether everything in it stands still until the next request to it.
    pub paused: bool,
    /// How long it may be unused before it is paused; `null` where it is not.
    pub pause_after_seconds: Option<u64>,
    /// What its caller noted about it.
    pub metadata: BTreeMap<String, String>,
    /// What it may use.
    pub limits: Limits,
    /// Its interpreters.
    pub contexts: Vec<ContextView>,
    /// The walls around it.
    pub isolation: Isolation,
}

impl From<&Kept> for SandboxView {
    fn from(kept: &Kept) -> SandboxView {
        SandboxView {
            id: kept.id().clone(),
            template: kept.template.clone(),
            created_at: time(kept.created_at),
            expires_at: time(kept.expires_at()),
            ttl_seconds: kept.ttl().as_secs(),
            paused: kept.is_paused(),
            pause_after_seconds: kept.idle_max().map(|after| after.as_secs()),
            metadata: kept.metadata(),
            limits: kept.sandbox().limits().clone(),
            contexts: ContextView::all(kept),
            isolation: kept.sandbox().isolation(),
        }
    }
}

/// A time as JSON has it.
pub fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
