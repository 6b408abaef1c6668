//! Contexts by the ids that clients know. The interpreter behind one begins with the first cell, and again after a
//! restart or where it died; the id stays.

use super::Plain;
use crate::{
    e2b::place::Place,
    http::{Served, body},
};
use axum::{
    Extension, Json,
    body::Body,
    extract::{Path, State},
    http::StatusCode,
};
use desk::{DeskError, Kept};
use interpreter::{Context, ContextRequest, random_bits};
use protocol::{ContextId, Language};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

const CONTEXTS_MAX: usize = 60;
const BODY_BYTES_MAX: usize = 64 << 10;

/// The contexts of one sandbox, in the order in which they were made.
pub struct Contexts {
    all: Mutex<Vec<Arc<CodeContext>>>,
}

impl Default for Contexts {
    /// One of each language that a new sandbox has.
    fn default() -> Contexts {
        let first = [Language::Python, Language::Javascript];
        let all = first.map(|language| Arc::new(CodeContext::new(language, None, true)));
        Contexts { all: Mutex::new(all.into()) }
    }
}

/// One context.
pub struct CodeContext {
    /// The id that clients know.
    pub id: String,
    /// What it speaks.
    pub language: Language,
    cwd: Option<String>,
    /// Whether code that names only the language runs here.
    usual: bool,
    /// The interpreter. Whoever runs a cell holds the lock.
    pub turn: tokio::sync::Mutex<Option<ContextId>>,
    /// What runs now, or ran last.
    pub running: Mutex<Option<Arc<desk::Run>>>,
    restarts: AtomicU64,
    cells: AtomicU64,
}

impl CodeContext {
    fn new(language: Language, cwd: Option<String>, usual: bool) -> CodeContext {
        CodeContext {
            id: format!("{:032x}", random_bits()),
            language,
            cwd,
            usual,
            turn: tokio::sync::Mutex::default(),
            running: Mutex::default(),
            restarts: AtomicU64::new(0),
            cells: AtomicU64::new(0),
        }
    }

    /// The number of the next cell.
    pub fn count(&self) -> u64 {
        self.cells.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// How often it was restarted.
    pub fn restarts(&self) -> u64 {
        self.restarts.load(Ordering::Acquire)
    }

    /// The interpreter, which is begun where there is none that lives.
    pub async fn interpreter(
        &self,
        place: &Place,
        known: &mut Option<ContextId>,
    ) -> Result<Arc<Context>, DeskError> {
        let alive =
            known.as_ref().and_then(|id| place.kept.context(id).ok()).filter(|context| context.is_alive());
        if let Some(context) = alive {
            return Ok(context);
        }
        let request =
            ContextRequest { language: self.language, cwd: self.cwd.clone(), ..ContextRequest::default() };
        let context = place.kept.create_context(request).await?;
        self.cells.store(0, Ordering::Relaxed);
        *known = Some(context.id().clone());
        Ok(context)
    }

    fn view(&self, kept: &Kept) -> Value {
        let cwd = self.cwd.as_deref().unwrap_or_else(|| kept.sandbox().workspace());
        json!({"id": self.id, "language": self.language, "cwd": cwd})
    }
}

impl Contexts {
    fn all(&self) -> MutexGuard<'_, Vec<Arc<CodeContext>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The context of that id.
    pub fn find(&self, id: &str) -> Result<Arc<CodeContext>, Plain> {
        let found = self.all().iter().find(|context| context.id == id).cloned();
        found.ok_or_else(|| Plain::new(StatusCode::NOT_FOUND, format!("Context {id} not found")))
    }

    /// The context for code that names a language, or nothing.
    pub fn usual(&self, language: Language) -> Arc<CodeContext> {
        let mut all = self.all();
        if let Some(found) = all.iter().find(|context| context.usual && context.language == language) {
            return found.clone();
        }
        let made = Arc::new(CodeContext::new(language, None, true));
        all.push(made.clone());
        made
    }

    fn add(&self, context: CodeContext) -> Result<Arc<CodeContext>, Plain> {
        let mut all = self.all();
        if all.len() >= CONTEXTS_MAX {
            let message = format!("cannot make another context: there are {CONTEXTS_MAX} already");
            return Err(Plain::new(StatusCode::TOO_MANY_REQUESTS, message));
        }
        let made = Arc::new(context);
        all.push(made.clone());
        Ok(made)
    }

    fn remove(&self, id: &str) {
        self.all().retain(|context| context.id != id);
    }
}

/// A language by any name that E2B has for it.
pub fn language(name: &str) -> Result<Language, Plain> {
    let name = name.trim().to_lowercase();
    name.parse().map_err(|_| {
        let message = format!(
            "belljar has no interpreter for {name:?}: python, javascript, typescript, r and bash are possible"
        );
        Plain::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    })
}

#[derive(Deserialize)]
struct Wanted {
    cwd: Option<String>,
    language: Option<String>,
}

/// Makes one.
pub async fn create(
    State(_): State<Served>,
    Extension(place): Extension<Place>,
    body: Body,
) -> Result<Json<Value>, Plain> {
    let wanted: Wanted = read(body, BODY_BYTES_MAX).await?;
    let language = wanted.language.as_deref().map(language).transpose()?.unwrap_or_default();
    let cwd = match wanted.cwd {
        Some(cwd) => Some(directory(&place, cwd).await?),
        None => None,
    };
    let context = place.room.contexts.add(CodeContext::new(language, cwd, false))?;
    // Begun at once: whoever asks for a context is told when there can be none.
    let mut known = context.turn.lock().await;
    if let Err(error) = context.interpreter(&place, &mut known).await {
        place.room.contexts.remove(&context.id);
        return Err(Plain::new(StatusCode::INTERNAL_SERVER_ERROR, format!("cannot {error}")));
    }
    drop(known);
    Ok(Json(context.view(&place.kept)))
}

async fn directory(place: &Place, cwd: String) -> Result<String, Plain> {
    let cwd = crate::e2b::envd::absolute(place, None, &cwd);
    let found = place.kept.sandbox().files().resolve(&cwd).await;
    match found {
        Ok(entry) if entry.kind == protocol::guest::EntryKind::Directory => Ok(cwd),
        _ => Err(Plain::new(StatusCode::INTERNAL_SERVER_ERROR, format!("cwd {cwd} is no directory"))),
    }
}

/// Lists them.
pub async fn list(Extension(place): Extension<Place>) -> Json<Vec<Value>> {
    Json(place.room.contexts.all().iter().map(|context| context.view(&place.kept)).collect())
}

/// Ends its interpreter; what ran in it ends, the next cell begins a new one.
pub async fn restart(
    Extension(place): Extension<Place>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Plain> {
    let context = place.room.contexts.find(&id)?;
    context.restarts.fetch_add(1, Ordering::AcqRel);
    end(&place, &context).await;
    Ok(Json(Value::Null))
}

/// Ends it for good.
pub async fn remove(
    Extension(place): Extension<Place>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Plain> {
    let context = place.room.contexts.find(&id)?;
    place.room.contexts.remove(&id);
    end(&place, &context).await;
    Ok(Json(Value::Null))
}

async fn end(place: &Place, context: &CodeContext) {
    let running = context.running.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some(run) = running.filter(|run| run.outcome().is_none()) {
        run.kill().await;
    }
    let known = context.turn.lock().await.take();
    if let Some(id) = known {
        let _ = place.kept.delete_context(&id);
    }
}

/// Reads JSON.
pub async fn read<T: serde::de::DeserializeOwned>(body: Body, bytes_max: usize) -> Result<T, Plain> {
    let whole = body::whole(body, bytes_max).await;
    let whole = whole.map_err(|problem| Plain::new(problem.status(), problem.detail()))?;
    let text: &[u8] = if whole.bytes.is_empty() { b"{}" } else { &whole.bytes };
    serde_json::from_slice(text)
        .map_err(|error| Plain::new(StatusCode::BAD_REQUEST, format!("cannot read this body: {error}")))
}
