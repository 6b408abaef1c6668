//! The contexts of a kept sandbox: made, forked, found, ended.

use crate::{DeskError, Kept};
use interpreter::{Context, ContextRequest, ForkRequest, Forked, History};
use protocol::{ContextId, Language};
use std::sync::{Arc, PoisonError};

/// Contexts of one sandbox at most; its limit of processes may allow fewer.
const CONTEXTS_MAX: usize = 128;

/// What a context was asked to be, so that it can be made again.
#[derive(Clone)]
pub(crate) struct Room {
    pub context: Arc<Context>,
    pub request: ContextRequest,
    /// Of which context it is a fork.
    pub parent: Option<ContextId>,
    /// The states before its last executions, where somebody wants to go back to them.
    pub history: Option<Past>,
}

/// Locked while a state is kept or gone back to.
pub(crate) type Past = Arc<tokio::sync::Mutex<History>>;

impl Room {
    /// A context that nobody goes back in.
    pub fn new(context: &Arc<Context>, request: ContextRequest) -> Room {
        Room { context: context.clone(), request, parent: None, history: None }
    }
}

/// The context of a language for code that names none, where there is one yet. Whoever runs code there holds the lock.
pub type Usual = Arc<tokio::sync::Mutex<Option<ContextId>>>;

impl Kept {
    /// What a context was asked to be.
    pub(crate) fn request_of(&self, id: &ContextId) -> Result<ContextRequest, DeskError> {
        let request = self.contexts_now().get(id).map(|room| room.request.clone());
        request.ok_or_else(|| DeskError::NotFound { what: format!("the context {id}") })
    }

    /// Whether it may have so many contexts more; those that have ended do not count.
    fn has_room_for(&self, more: usize) -> bool {
        let mut contexts = self.contexts_now();
        contexts.retain(|_, room| room.context.is_alive() || room.context.is_busy());
        contexts.len() + more <= CONTEXTS_MAX
    }

    /// Makes a context, which is kept as long as the sandbox.
    ///
    /// # Errors
    /// When there are too many, the request contradicts itself or the sandbox is gone.
    pub async fn create_context(&self, request: ContextRequest) -> Result<Arc<Context>, DeskError> {
        if !self.has_room_for(1) {
            let what = format!("make another context: {} has {CONTEXTS_MAX} already", self.id());
            return Err(DeskError::Conflict { what });
        }
        let context = self.sandbox().create_context(request.clone()).await?;
        self.contexts_now().insert(context.id().clone(), Room::new(&context, request));
        Ok(context)
    }

    /// Forks a context of it: new ones with the same variables, which can be restarted as that one.
    ///
    /// # Errors
    /// When there would be too many contexts, and as for [`Context::fork`].
    pub async fn fork_context(&self, id: &ContextId, request: ForkRequest) -> Result<Forked, DeskError> {
        let (context, like) = (self.context(id)?, self.request_of(id)?);
        if !self.has_room_for(request.count) {
            let what =
                format!("fork it {} times: {} has at most {CONTEXTS_MAX} contexts", request.count, self.id());
            return Err(DeskError::Conflict { what });
        }
        let forked = context.fork(request).await?;
        for context in &forked.contexts {
            let room = Room { parent: Some(id.clone()), ..Room::new(context, like.clone()) };
            self.contexts_now().insert(context.id().clone(), room);
        }
        Ok(forked)
    }

    /// The context of a language for code that names none: what holds it, to be locked while code runs there.
    pub fn usual(&self, language: Language) -> Usual {
        self.usual.lock().unwrap_or_else(PoisonError::into_inner).entry(language).or_default().clone()
    }

    /// Keeps a context that is there already.
    pub(crate) fn adopt(&self, context: &Arc<Context>) {
        let request = ContextRequest { language: context.language(), ..ContextRequest::default() };
        self.contexts_now().insert(context.id().clone(), Room::new(context, request));
        if let Ok(mut usual) = self.usual(context.language()).try_lock() {
            *usual = Some(context.id().clone());
        }
    }

    /// The context that `usual` names, where it is alive; else a new one of this language, which it names from now on.
    ///
    /// # Errors
    /// As for [`Kept::create_context`].
    pub async fn usual_context(
        &self,
        usual: &mut Option<ContextId>,
        language: Language,
    ) -> Result<Arc<Context>, DeskError> {
        let known = usual.as_ref().and_then(|id| self.context(id).ok());
        if let Some(context) = known.filter(|context| context.is_alive()) {
            return Ok(context);
        }
        let request = ContextRequest { language, ..ContextRequest::default() };
        let context = self.create_context(request).await?;
        *usual = Some(context.id().clone());
        Ok(context)
    }

    /// Its contexts, in the order of their ids.
    pub fn contexts(&self) -> Vec<Arc<Context>> {
        self.contexts_now().values().map(|room| room.context.clone()).collect()
    }

    /// A context.
    ///
    /// # Errors
    /// When there is none of that id.
    pub fn context(&self, id: &ContextId) -> Result<Arc<Context>, DeskError> {
        let found = self.contexts_now().get(id).map(|room| room.context.clone());
        found.ok_or_else(|| DeskError::NotFound { what: format!("the context {id}") })
    }

    /// Of which context this one is a fork.
    pub fn parent_of(&self, id: &ContextId) -> Option<ContextId> {
        self.contexts_now().get(id)?.parent.clone()
    }

    /// Ends a context with every process that was started in it. Its forks live on, as those of its own parent.
    ///
    /// # Errors
    /// When there is none of that id.
    pub fn delete_context(&self, id: &ContextId) -> Result<(), DeskError> {
        self.checkpoints_now().retain(|checkpoint| checkpoint.of != *id);
        let mut contexts = self.contexts_now();
        let removed = contexts.remove(id);
        let room = removed.ok_or_else(|| DeskError::NotFound { what: format!("the context {id}") })?;
        for fork in contexts.values_mut().filter(|fork| fork.parent.as_ref() == Some(id)) {
            fork.parent.clone_from(&room.parent);
        }
        room.context.kill();
        Ok(())
    }

    /// Ends a context with all its forks, and theirs.
    ///
    /// # Errors
    /// When there is none of that id.
    pub fn delete_context_with_forks(&self, id: &ContextId) -> Result<(), DeskError> {
        self.context(id)?;
        let mut family = vec![id.clone()];
        let mut next = 0;
        while let Some(parent) = family.get(next).cloned() {
            let contexts = self.contexts_now();
            let forks = contexts.iter().filter(|(_, fork)| fork.parent.as_ref() == Some(&parent));
            family.extend(forks.map(|(fork, _)| fork.clone()));
            next += 1;
        }
        // Somebody else may end one of them meanwhile, which is as good.
        family.iter().for_each(|member| drop(self.delete_context(member)));
        Ok(())
    }

    /// A new context in the place of this one, which ends.
    ///
    /// # Errors
    /// When there is none of that id, or the sandbox is gone.
    pub async fn restart_context(&self, id: &ContextId) -> Result<Arc<Context>, DeskError> {
        let request = self.request_of(id)?;
        self.delete_context(id)?;
        self.create_context(request).await
    }
}
