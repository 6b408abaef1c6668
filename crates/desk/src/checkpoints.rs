//! Checkpoints, and the states before executions: forks of a context that run nothing and wait. Going back to one forks it once
//! more, so that it stays.

use crate::{
    DeskError, Kept,
    contexts::{Past, Room},
};
use chrono::{DateTime, Utc};
use interpreter::{Context, History};
use protocol::{CheckpointId, ContextId};
use std::sync::Arc;

/// Checkpoints of one sandbox at most.
const CHECKPOINTS_MAX: usize = 64;

/// A state of a context to go back to.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// Its id.
    pub id: CheckpointId,
    /// Of which context.
    pub of: ContextId,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    context: Arc<Context>,
}

impl Kept {
    /// Keeps the state of a context as it is now, with its files.
    ///
    /// # Errors
    /// When there are too many, and as for [`Context::fork`].
    pub async fn checkpoint(&self, id: &ContextId) -> Result<Checkpoint, DeskError> {
        let context = self.context(id)?;
        if self.checkpoints_now().len() >= CHECKPOINTS_MAX {
            let what = format!("make another checkpoint: {} has {CHECKPOINTS_MAX} already", self.id());
            return Err(DeskError::Conflict { what });
        }
        let context = context.save().await?;
        let id_of = CheckpointId::from_bits(interpreter::random_bits());
        let made = Checkpoint { id: id_of, of: id.clone(), created_at: Utc::now(), context };
        self.checkpoints_now().push(made.clone());
        Ok(made)
    }

    /// Those of a context, the oldest first.
    ///
    /// # Errors
    /// When there is no context of that id.
    pub fn checkpoints(&self, id: &ContextId) -> Result<Vec<Checkpoint>, DeskError> {
        self.context(id)?;
        let mut all = self.checkpoints_now();
        all.retain(|checkpoint| checkpoint.context.is_alive());
        Ok(all.iter().filter(|checkpoint| checkpoint.of == *id).cloned().collect())
    }

    /// Forgets one.
    ///
    /// # Errors
    /// When there is none of that id.
    pub fn delete_checkpoint(&self, of: &ContextId, id: &CheckpointId) -> Result<(), DeskError> {
        let found = self.find(of, id)?;
        self.checkpoints_now().retain(|checkpoint| checkpoint.id != found.id);
        found.context.kill();
        Ok(())
    }

    /// A new context in the place of this one, which ends, with the state that the checkpoint has. The checkpoints are those of
    /// the new one then.
    ///
    /// # Errors
    /// When there is none of that id, and as for [`Context::fork`].
    pub async fn rollback(&self, of: &ContextId, id: &CheckpointId) -> Result<Arc<Context>, DeskError> {
        let found = self.find(of, id)?;
        self.go_back(of, &found.context).await
    }

    /// From now on the states before the last so many executions of a context are kept.
    ///
    /// # Errors
    /// When there is no context of that id.
    pub fn remember(&self, of: &ContextId, most: usize) -> Result<(), DeskError> {
        self.context(of)?;
        if let Some(room) = self.contexts_now().get_mut(of) {
            room.history = Some(Arc::new(tokio::sync::Mutex::new(History::new(most))));
        }
        Ok(())
    }

    /// The states before the last executions of a context, where somebody wants to go back to them.
    pub(crate) fn past_of(&self, id: &ContextId) -> Option<Past> {
        self.contexts_now().get(id)?.history.clone()
    }

    /// A new context in the place of this one, which ends, with the state before its last so many executions.
    ///
    /// # Errors
    /// When there is no context of that id, no state of then, and as for [`Context::fork`].
    pub async fn undo(&self, of: &ContextId, steps: usize) -> Result<Arc<Context>, DeskError> {
        self.context(of)?;
        let conflict = |why: &str| DeskError::Conflict { what: format!("undo {steps} executions: {why}") };
        let past = self.past_of(of).ok_or_else(|| conflict("the context was made without `undo`"))?;
        let mut history = past.lock().await;
        let Some(state) = history.back(steps) else {
            return Err(conflict(&match history.nearest(steps) {
                Some(nearest) => format!("{nearest} can be undone"),
                None => "no state of then is kept".to_owned(),
            }));
        };
        self.go_back(of, &state).await
    }

    /// Goes on from a state in the place of a context.
    async fn go_back(&self, of: &ContextId, state: &Arc<Context>) -> Result<Arc<Context>, DeskError> {
        let request = self.request_of(of)?;
        let past = self.past_of(of);
        let context = state.replace(&self.context(of)?).await?;
        for checkpoint in self.checkpoints_now().iter_mut().filter(|checkpoint| checkpoint.of == *of) {
            checkpoint.of = context.id().clone();
        }
        let heir = context.id().clone();
        let room = Room { history: past, parent: self.parent_of(of), ..Room::new(&context, request) };
        let mut contexts = self.contexts_now();
        for fork in contexts.values_mut().filter(|fork| fork.parent.as_ref() == Some(of)) {
            fork.parent = Some(heir.clone());
        }
        contexts.insert(heir, room);
        drop(contexts);
        self.delete_context(of)?;
        Ok(context)
    }

    fn find(&self, of: &ContextId, id: &CheckpointId) -> Result<Checkpoint, DeskError> {
        let all = self.checkpoints_now();
        let found = all.iter().find(|checkpoint| checkpoint.id == *id && checkpoint.of == *of);
        found.cloned().ok_or_else(|| DeskError::NotFound { what: format!("the checkpoint {id}") })
    }
}
