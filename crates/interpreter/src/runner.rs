//! What an execution runs in: a context that it has for itself, or a program of its own beside all contexts.
//!
//! Only tells the two apart; what is said and done about time and output is the same, and `drive`'s.

use crate::{
    Sandbox,
    context::Occupied,
    isolation::Inside,
    routes::{Input, Life},
};
use protocol::{ContextId, ExecutionId, Language, guest::Request};
use std::sync::Arc;
use tokio::sync::watch;

/// SIGINT and SIGKILL.
const INTERRUPT: i32 = 2;
const KILL: i32 = 9;

/// Who runs it.
pub(crate) enum Runner {
    /// A live interpreter.
    Context(Occupied),
    /// A program.
    Command(Program),
}

/// A program that ends with its execution.
pub(crate) struct Program {
    sandbox: Arc<Sandbox>,
    execution: ExecutionId,
    life: watch::Sender<Life>,
}

impl Program {
    /// A program that the guest is told to start.
    pub fn new(sandbox: Arc<Sandbox>, execution: ExecutionId) -> Program {
        // A child of the guest is behind the guest's walls from its first instruction.
        Program { sandbox, execution, life: watch::Sender::new(Life::Up { walls: Vec::new() }) }
    }
}

impl Runner {
    /// Where it runs.
    pub fn sandbox(&self) -> &Arc<Sandbox> {
        match self {
            Runner::Context(context) => context.sandbox(),
            Runner::Command(program) => &program.sandbox,
        }
    }

    /// The context, where it is one.
    pub fn context_id(&self) -> Option<ContextId> {
        match self {
            Runner::Context(context) => Some(context.id().clone()),
            Runner::Command(_) => None,
        }
    }

    /// True for a program.
    pub fn is_command(&self) -> bool {
        matches!(self, Runner::Command(_))
    }

    /// What is spoken.
    pub fn language(&self) -> Language {
        match self {
            Runner::Context(context) => context.language(),
            Runner::Command(_) => Language::Bash,
        }
    }

    /// Where it stands.
    pub fn life(&self) -> watch::Receiver<Life> {
        match self {
            Runner::Context(context) => context.life(),
            Runner::Command(program) => program.life.subscribe(),
        }
    }

    /// What was verified inside.
    pub fn inside<'a>(&self, life: &'a Life) -> Option<Inside<'a>> {
        match (self, life) {
            (Runner::Context(context), life) => context.inside(life),
            (Runner::Command(_), Life::Up { walls }) => Some(Inside { walls, inherits: true }),
            (Runner::Command(_), _) => None,
        }
    }

    /// The order that asks it to stop.
    pub fn interrupt(&self) -> Request {
        match self {
            Runner::Context(context) => Request::Interrupt { context: context.id().clone() },
            Runner::Command(program) => signal(&program.execution, INTERRUPT),
        }
    }

    /// The order that stops it.
    pub fn kill(&self) -> Request {
        match self {
            Runner::Context(context) => Request::ContextKill { context: context.id().clone() },
            Runner::Command(program) => signal(&program.execution, KILL),
        }
    }

    /// Whose standard input it reads.
    pub fn input(&self) -> Input {
        match self {
            Runner::Context(context) => Input::Context(context.id().clone()),
            Runner::Command(program) => Input::Command(program.execution.clone()),
        }
    }
}

/// The order to send a signal to a command.
pub(crate) fn signal(execution: &ExecutionId, signal: i32) -> Request {
    Request::CommandSignal { execution: execution.clone(), signal }
}
