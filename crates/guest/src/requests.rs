//! What the host asks for, handed to whoever does it.

use crate::attached::Attached;
use crate::attributes::Attributes;
use crate::commands::Command;
use crate::connections::{self, CONNECTIONS_MAX, Connection};
use crate::contexts::Queued;
use crate::files::Operation;
use crate::processes;
use crate::program::{self, Program};
use crate::starting;
use crate::turns::Guest;
use crate::watching::{WATCHES_MAX, Watching};
use crate::wire::HostError;
use protocol::driver::ToDriver;
use protocol::guest::{Branch, Reply, Request, Transfer};
use protocol::{ContextId, ExecutionId};
use rustix::io::Errno;

impl Guest {
    /// Acts on one request. An error is the host's, and the end of everything.
    pub fn request(&mut self, request: Request, payload: Vec<u8>) -> Result<(), HostError> {
        match request {
            Request::ContextCreate { context, launch, cwd, env, stdin, ahead } => {
                self.create(starting::Wanted { context, launch, cwd, env, stdin, ahead });
            }
            Request::ContextFork { transfer, context, branches, same_random } => {
                self.fork(transfer, &context, branches, same_random);
            }
            Request::ContextMemory { transfer, context } => self.memory(transfer, &context),
            Request::Execute { context, execution, caps, env } => {
                let next = Queued { execution, caps, env, code: payload };
                match self.contexts.iter_mut().find(|has| has.id == context) {
                    Some(context) => context.execute(next, &mut self.ground),
                    None => self.gone(context),
                }
            }
            Request::Interrupt { context } => {
                if let Some(context) = self.contexts.iter_mut().find(|has| has.id == context) {
                    context.interrupt(&mut self.ground);
                }
            }
            Request::ContextKill { context } => {
                let alone = self.has_one_context();
                if let Some(context) = self.contexts.iter_mut().find(|has| has.id == context) {
                    context.kill(alone, self.ground.now);
                }
            }
            Request::CommandStart { execution, argv, cwd, env, stdin, caps } => {
                let wanted = program::Wanted { id: execution, argv, cwd, env, stdin, tty: None };
                self.commands.push(Command::start(wanted, caps, &mut self.ground));
            }
            Request::ProcessStart { .. }
            | Request::Connect { .. }
            | Request::OutputTaken { .. }
            | Request::Resize { .. }
            | Request::ProcessKill { .. } => self.follow(request),
            Request::CommandSignal { execution, signal } => {
                if let Some(program) = self.program(&execution) {
                    program.signal(signal);
                }
            }
            Request::Stdin { context, execution, end } => self.stdin(context, execution, &payload, end)?,
            Request::Pause { transfer, pause } => {
                self.pause(pause);
                self.ground.host.send(&Reply::Done { transfer }, b"");
            }
            Request::Watch { .. } | Request::WatchTaken { .. } | Request::WatchDrain { .. } => {
                self.watch(request);
            }
            Request::Stop { transfer } => {
                self.watches.retain(|watch| watch.transfer != transfer);
                self.transfers.stop(transfer);
            }
            of_files => self.file(of_files, &payload),
        }
        Ok(())
    }

    /// Acts on a request about files.
    fn file(&mut self, request: Request, payload: &[u8]) {
        match request {
            Request::WriteBegin { transfer, path, mode } => self.transfers.begin(transfer, &path, mode),
            Request::WriteInPlace { transfer, path, mode, attributes, prefix } => {
                let attributes = Attributes { all: &attributes, prefix: &prefix };
                self.transfers.begin_in_place(transfer, &path, mode, attributes);
            }
            Request::WriteChunk { transfer } => {
                self.transfers.chunk(transfer, payload, &mut self.ground.host)
            }
            Request::WriteEnd { transfer, keep } => self.transfers.end(transfer, keep, &mut self.ground.host),
            Request::Read { transfer, path, offset, length } => {
                self.operate(transfer, Operation::Read { path, offset, length });
            }
            Request::List { transfer, path, depth, entries } => {
                self.operate(transfer, Operation::List { path, depth, entries });
            }
            Request::Stat { transfer, path } => self.operate(transfer, Operation::Stat { path }),
            Request::Resolve { transfer, path } => self.operate(transfer, Operation::Resolve { path }),
            Request::Attributes { transfer, path, prefix } => {
                self.operate(transfer, Operation::Attributes { path, prefix });
            }
            Request::MakeDir { transfer, path } => self.operate(transfer, Operation::MakeDir { path }),
            Request::Remove { transfer, path } => self.operate(transfer, Operation::Remove { path }),
            Request::Rename { transfer, from, to, parents } => {
                self.operate(transfer, Operation::Rename { from, to, parents });
            }
            _ => {}
        }
    }

    /// Acts on a request about a directory that is watched.
    fn watch(&mut self, request: Request) {
        match request {
            Request::Watch { transfer, path, recursive } => {
                let watching = match self.watches.len() < WATCHES_MAX {
                    true => self.transfers.directory(&path),
                    false => Err(Errno::NOSPC),
                };
                match watching.and_then(|top| Watching::new(transfer, top, recursive)) {
                    Ok(mut watch) => {
                        watch.send(&[], &mut self.ground.host);
                        self.watches.push(watch);
                    }
                    Err(errno) => {
                        let message = format!("watch {path}: {}", starting::plain(&errno.into()));
                        let errno = errno.raw_os_error();
                        self.ground.host.send(&Reply::Failed { transfer, errno, message }, b"");
                    }
                }
            }
            Request::WatchTaken { transfer, bytes } => {
                if let Some(watch) = self.watches.iter_mut().find(|watch| watch.transfer == transfer) {
                    watch.taken(bytes);
                }
            }
            Request::WatchDrain { transfer, watch } => {
                if let Some(at) = self.watches.iter().position(|has| has.transfer == watch)
                    && !self.watches[at].tell(&mut self.ground.host)
                {
                    self.watches.remove(at);
                }
                self.ground.host.send(&Reply::Done { transfer }, b"");
            }
            _ => {}
        }
    }

    /// Acts on a request about what the host follows: processes and connections.
    fn follow(&mut self, request: Request) {
        match request {
            Request::ProcessStart { process, argv, cwd, env, stdin, tty } => {
                let wanted = program::Wanted { id: process, argv, cwd, env, stdin, tty };
                self.processes.extend(Attached::start(wanted, &mut self.ground));
            }
            Request::Connect { process, port } if self.connections.len() < CONNECTIONS_MAX => {
                self.connections.extend(Connection::start(process, port, &mut self.ground));
            }
            Request::Connect { process, port } => connections::too_many(&process, port, &mut self.ground),
            Request::OutputTaken { process, bytes } => {
                if let Some(process) = self.processes.iter_mut().find(|has| has.id == process) {
                    process.taken(bytes);
                } else if let Some(connection) = self.connections.iter_mut().find(|has| has.id == process) {
                    connection.taken(bytes);
                }
            }
            Request::Resize { process, size } => {
                if let Some(process) = self.processes.iter().find(|has| has.id == process) {
                    process.resize(size);
                }
            }
            Request::ProcessKill { process } => {
                self.connections.retain(|connection| connection.id != process);
                if let Some(at) = self.processes.iter().position(|has| has.id == process) {
                    self.processes.remove(at).abandon(&mut self.ground);
                }
            }
            _ => {}
        }
    }

    fn pause(&mut self, pause: bool) {
        match pause {
            true => self.stopped.extend(processes::stop_all()),
            false => processes::go_on(&std::mem::take(&mut self.stopped)),
        }
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

    fn memory(&mut self, transfer: Transfer, id: &ContextId) {
        let host = &mut self.ground.host;
        match self.contexts.iter().find(|has| has.id == *id) {
            Some(context) => {
                let payload = serde_json::to_vec(&context.memory()).unwrap_or_default();
                host.send_owned(&Reply::Chunk { transfer }, payload);
                host.send(&Reply::Done { transfer }, b"");
            }
            None => {
                let (errno, message) = (Errno::SRCH.raw_os_error(), "find the context".to_owned());
                host.send(&Reply::Failed { transfer, errno, message }, b"");
            }
        }
    }

    fn fork(&mut self, transfer: Transfer, parent: &ContextId, branches: Vec<Branch>, same_random: bool) {
        let at = self.contexts.iter().position(|has| has.id == *parent && has.may_fork());
        let made = at.ok_or(Errno::BUSY).and_then(|at| {
            let ways = branches.iter().map(|branch| starting::branch(branch, &self.ground));
            Ok((at, ways.collect::<Result<Vec<_>, Errno>>()?))
        });
        match made {
            Ok((at, ways)) => {
                let (forks, fds): (Vec<_>, Vec<_>) = ways.into_iter().unzip();
                let places = starting::PLACES.map(str::to_owned).to_vec();
                let order = ToDriver::Fork { count: branches.len() as u32, places, same_random };
                let fds = fds.into_iter().flatten().collect();
                self.contexts[at].fork(transfer, &order, fds, self.ground.now);
                self.contexts.extend(forks);
            }
            Err(errno) => {
                let message = format!("fork a context: {}", starting::plain(&errno.into()));
                let errno = errno.raw_os_error();
                self.ground.host.send(&Reply::Failed { transfer, errno, message }, b"");
            }
        }
    }

    /// An execution came for a context that has ended meanwhile.
    fn gone(&mut self, context: ContextId) {
        let failure = Some("run code in a context that is gone".to_owned());
        let errno = Some(Errno::SRCH.raw_os_error());
        self.ground.host.send(&Reply::ContextEnded { context, exit: None, failure, errno }, b"");
    }

    fn program(&mut self, id: &ExecutionId) -> Option<&mut Program> {
        let command = self.commands.iter_mut().find(|has| has.id == *id).map(|has| &mut has.program);
        command.or_else(|| self.processes.iter_mut().find(|has| has.id == *id).map(|has| &mut has.program))
    }

    fn stdin(
        &mut self,
        context: Option<ContextId>,
        execution: Option<ExecutionId>,
        bytes: &[u8],
        end: bool,
    ) -> Result<(), HostError> {
        let context = self.contexts.iter_mut().find(|has| Some(&has.id) == context.as_ref());
        let stdin = match (context, execution) {
            (Some(context), _) => Some(&mut context.stdin),
            (None, Some(id)) => match self.connections.iter_mut().find(|has| has.id == id) {
                Some(connection) => Some(&mut connection.stdin),
                None => self.program(&id).map(|program| &mut program.stdin),
            },
            (None, None) => None,
        };
        stdin.map_or(Ok(()), |stdin| stdin.push(bytes, end)).map_err(|_| HostError::Stdin)
    }
}
