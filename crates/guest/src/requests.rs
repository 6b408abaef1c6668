//! What the host asks for, handed to whoever does it.

use crate::commands::{self, Command};
use crate::files::Operation;
use crate::starting;
use crate::turns::Guest;
use crate::wire::HostError;
use protocol::guest::{Reply, Request};
use protocol::{ContextId, ExecutionId};
use rustix::io::Errno;

impl Guest {
    /// Acts on one request. An error is the host's, and the end of everything.
    pub fn request(&mut self, request: Request, payload: Vec<u8>) -> Result<(), HostError> {
        match request {
            Request::ContextCreate { context, launch, cwd, env, stdin } => {
                self.create(starting::Wanted { context, launch, cwd, env, stdin });
            }
            Request::Execute { context, execution, caps } => {
                match self.contexts.iter_mut().find(|has| has.id == context) {
                    Some(context) => context.execute(execution, caps, payload, &mut self.ground),
                    None => self.gone(context),
                }
            }
            Request::Interrupt { context } => {
                if let Some(context) = self.contexts.iter_mut().find(|has| has.id == context) {
                    context.interrupt(&mut self.ground);
                }
            }
            Request::ContextKill { context } => {
                let alone = self.contexts.len() == 1 && self.commands.is_empty();
                if let Some(context) = self.contexts.iter_mut().find(|has| has.id == context) {
                    context.kill(alone, self.ground.now);
                }
            }
            Request::CommandStart { execution, argv, cwd, env, stdin, caps } => {
                let wanted = commands::Wanted { execution, argv, cwd, env, stdin, caps };
                self.commands.push(Command::start(wanted, &mut self.ground));
            }
            Request::CommandSignal { execution, signal } => {
                if let Some(command) = self.commands.iter().find(|has| has.id == execution) {
                    command.signal(signal);
                }
            }
            Request::Stdin { context, execution, end } => self.stdin(context, execution, &payload, end)?,
            Request::WriteBegin { transfer, path, mode } => self.transfers.begin(transfer, &path, mode),
            Request::WriteChunk { transfer } => {
                self.transfers.chunk(transfer, &payload, &mut self.ground.host)
            }
            Request::WriteEnd { transfer, keep } => self.transfers.end(transfer, keep, &mut self.ground.host),
            Request::Stop { transfer } => self.transfers.stop(transfer),
            Request::Read { transfer, path, offset, length } => {
                self.operate(transfer, Operation::Read { path, offset, length });
            }
            Request::List { transfer, path, depth, entries } => {
                self.operate(transfer, Operation::List { path, depth, entries });
            }
            Request::Stat { transfer, path } => self.operate(transfer, Operation::Stat { path }),
            Request::MakeDir { transfer, path } => self.operate(transfer, Operation::MakeDir { path }),
            Request::Remove { transfer, path } => self.operate(transfer, Operation::Remove { path }),
            Request::Rename { transfer, from, to } => self.operate(transfer, Operation::Rename { from, to }),
        }
        Ok(())
    }

    fn operate(&mut self, transfer: u64, operation: Operation) {
        self.transfers.operate(transfer, operation, &mut self.ground.host);
    }

    fn create(&mut self, wanted: starting::Wanted) {
        let context = wanted.context.clone();
        match starting::start(wanted, &mut self.zygote, &self.ground) {
            Ok(started) => self.contexts.push(started),
            Err(failure) => {
                let (failure, errno) = (Some(failure.message), failure.errno);
                self.ground.host.send(&Reply::ContextEnded { context, exit: None, failure, errno }, b"");
            }
        }
    }

    /// An execution came for a context that has ended meanwhile.
    fn gone(&mut self, context: ContextId) {
        let failure = Some("run code in a context that is gone".to_owned());
        let errno = Some(Errno::SRCH.raw_os_error());
        self.ground.host.send(&Reply::ContextEnded { context, exit: None, failure, errno }, b"");
    }

    fn stdin(
        &mut self,
        context: Option<ContextId>,
        execution: Option<ExecutionId>,
        bytes: &[u8],
        end: bool,
    ) -> Result<(), HostError> {
        let context = self.contexts.iter_mut().find(|has| Some(&has.id) == context.as_ref());
        let command = self.commands.iter_mut().find(|has| Some(&has.id) == execution.as_ref());
        let stdin = context.map(|context| &mut context.stdin).or(command.map(|command| &mut command.stdin));
        stdin.map_or(Ok(()), |stdin| stdin.push(bytes, end)).map_err(|_| HostError::Stdin)
    }
}
