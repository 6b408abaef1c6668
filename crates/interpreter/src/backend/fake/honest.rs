//! A guest that keeps the protocol. Its language has one order a line:
//!
//! `print TEXT`, `eprint TEXT`, `result TEXT`, `json JSON`, `set NAME TEXT`, `get NAME`, `env NAME`, `stdin`, `write PATH TEXT`,
//! `cat PATH`, `raise NAME TEXT`, `exit CODE`, `sleep MS`, `hang` (until an interrupt), `stuck` (until a kill), `die SIGNAL`,
//! `flood BYTES`, `burn CPU_MS`, `oom`. Anything else is a syntax error.

use super::{FakeGuest, files::Files};
use protocol::{
    ContextId, ExecutionId, Wall,
    driver::{DriverStatus, Raised},
    frame::Frame,
    guest::{Caps, End, Exit, Launch, OUTPUT_WINDOW_BYTES, Reply, Request, Stream},
};
use serde_json::json;
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::Duration,
};
use tokio::time::Instant;

#[derive(Default)]
struct Memory {
    names: BTreeMap<String, String>,
    env: BTreeMap<String, String>,
    stdin: Vec<u8>,
    stdin_ended: bool,
}

struct Guest {
    guest: FakeGuest,
    files: Files,
    contexts: HashMap<ContextId, Memory>,
    waiting: VecDeque<Frame<Request>>,
    /// The process that somebody follows, and its bytes that were not taken yet.
    followed: Option<(ExecutionId, u64)>,
}

/// How one order went.
enum Went {
    On,
    Over(End),
}

/// What a wait was ended by.
enum Woken {
    Due,
    Interrupt,
    Kill,
    HostGone,
}

/// Serves one sandbox until its host goes away.
pub(super) async fn serve(mut guest: FakeGuest) {
    if !guest.say_ready().await {
        return;
    }
    let (files, contexts, waiting, followed) = Default::default();
    let mut guest = Guest { guest, files, contexts, waiting, followed };
    loop {
        let frame = match guest.waiting.pop_front() {
            Some(frame) => frame,
            None => match guest.guest.hear().await {
                Some(frame) => frame,
                None => return,
            },
        };
        guest.answer(frame).await;
    }
}

impl Guest {
    async fn answer(&mut self, frame: Frame<Request>) {
        match frame.header {
            Request::ContextCreate { context, launch, env, stdin, .. } => {
                let walls = match launch {
                    Launch::Zygote => vec![Wall::Seccomp, Wall::NoNewPrivs, Wall::CapsDropped],
                    Launch::Command { .. } => Vec::new(),
                };
                let memory = Memory { env, stdin_ended: !stdin, ..Memory::default() };
                self.contexts.insert(context.clone(), memory);
                self.guest.say(&Reply::ContextReady { context, pid: 2, walls }, &[]).await;
            }
            Request::Execute { context, execution, caps, env } => {
                let before = self.contexts.get(&context).map(|memory| memory.env.clone());
                self.contexts.entry(context.clone()).and_modify(|memory| memory.env.extend(env));
                self.execute(&context, &execution, caps, &frame.payload).await;
                self.contexts.entry(context).and_modify(|memory| memory.env = before.unwrap_or_default());
            }
            Request::ContextKill { context } => self.bury(&context, Exit::Signal(9)).await,
            Request::Stdin { context, execution, end } => {
                self.feed(context, execution, end, &frame.payload).await;
            }
            Request::CommandStart { execution, argv, env, stdin, caps, .. } => {
                let memory = Memory { env, stdin_ended: !stdin, ..Memory::default() };
                let seat = seat(&execution);
                self.contexts.insert(seat.clone(), memory);
                let code = argv.last().cloned().unwrap_or_default();
                let end = self.carry_out(&seat, &execution, caps, &code).await;
                self.contexts.remove(&seat);
                let end = match end {
                    End::Done { exit_code, .. } => End::Exited(Exit::Code(exit_code)),
                    end => end,
                };
                self.end(&execution, end).await;
            }
            Request::ProcessStart { process, argv, env, stdin, .. } => {
                let memory = Memory { env, stdin_ended: !stdin, ..Memory::default() };
                self.follow(process, memory, &argv.last().cloned().unwrap_or_default()).await;
            }
            header => {
                self.files.answer(&mut self.guest, &header, &frame.payload).await;
            }
        }
    }

    async fn follow(&mut self, process: ExecutionId, memory: Memory, code: &str) {
        let seat = seat(&process);
        self.contexts.insert(seat.clone(), memory);
        self.followed = Some((process.clone(), 0));
        self.guest.say(&Reply::ProcessStarted { process: process.clone(), pid: 2 }, &[]).await;
        let caps = Caps { output_bytes: u64::MAX, results: 0, results_bytes: 0, files: 0, spill: false };
        let end = match self.carry_out(&seat, &process, caps, code).await {
            End::Done { exit_code, .. } => End::Exited(Exit::Code(exit_code)),
            end => end,
        };
        self.contexts.remove(&seat);
        self.followed = None;
        self.guest.say(&Reply::ProcessEnded { process, end }, &[]).await;
    }

    /// Sends output of a process, as fast as it is taken.
    async fn pass_on(&mut self, process: &ExecutionId, stream: Stream, bytes: &[u8]) {
        for piece in bytes.chunks(OUTPUT_WINDOW_BYTES as usize / 8) {
            let ahead = |guest: &Guest| guest.followed.as_ref().map_or(0, |(_, ahead)| *ahead);
            while ahead(self) + piece.len() as u64 > OUTPUT_WINDOW_BYTES {
                if matches!(self.hear_until(&seat(process), None, true).await, Woken::Kill | Woken::HostGone)
                {
                    return;
                }
            }
            if let Some((_, ahead)) = &mut self.followed {
                *ahead += piece.len() as u64;
            }
            self.guest.say(&Reply::ProcessOutput { process: process.clone(), stream }, piece).await;
        }
    }

    fn follows(&self, id: &ExecutionId) -> bool {
        self.followed.as_ref().is_some_and(|(process, _)| process == id)
    }

    async fn feed(
        &mut self,
        context: Option<ContextId>,
        execution: Option<ExecutionId>,
        end: bool,
        bytes: &[u8],
    ) {
        let reader = context.clone().or(execution.as_ref().map(seat));
        if let Some(memory) = reader.and_then(|reader| self.contexts.get_mut(&reader)) {
            memory.stdin.extend_from_slice(bytes);
            memory.stdin_ended |= end;
        }
        let bytes = bytes.len() as u64;
        self.guest.say(&Reply::StdinTaken { context, execution, bytes }, &[]).await;
    }

    async fn bury(&mut self, context: &ContextId, exit: Exit) {
        if self.contexts.remove(context).is_some() {
            let (context, exit) = (context.clone(), Some(exit));
            self.guest.say(&Reply::ContextEnded { context, exit, failure: None, errno: None }, &[]).await;
        }
    }

    async fn execute(&mut self, context: &ContextId, execution: &ExecutionId, caps: Caps, code: &[u8]) {
        if !self.contexts.contains_key(context) {
            return;
        }
        let code = String::from_utf8_lossy(code).into_owned();
        let end = self.carry_out(context, execution, caps, &code).await;
        self.end(execution, end).await;
        if let End::Exited(exit) = end {
            self.bury(context, exit).await;
        }
    }

    async fn carry_out(&mut self, context: &ContextId, id: &ExecutionId, caps: Caps, code: &str) -> End {
        for (at, line) in code.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            match self.order(context, id, caps, (at as u32 + 1, line)).await {
                Went::On => {}
                Went::Over(over) => return over,
            }
        }
        End::Done { status: DriverStatus::Ok, exit_code: 0 }
    }

    async fn end(&mut self, execution: &ExecutionId, end: End) {
        let files = serde_json::to_vec(&self.files.changes()).unwrap_or_default();
        let execution = execution.clone();
        let (cpu_us, results_dropped, files_dropped, spilled_to) = Default::default();
        let ended = Reply::Ended { execution, end, cpu_us, results_dropped, files_dropped, spilled_to };
        self.guest.say(&ended, &files).await;
    }

    async fn order(&mut self, context: &ContextId, id: &ExecutionId, caps: Caps, line: (u32, &str)) -> Went {
        let (word, rest) = line.1.split_once(' ').unwrap_or((line.1, ""));
        match word {
            "print" => self.output(id, Stream::Stdout, 0, format!("{rest}\n").as_bytes()).await,
            "eprint" => self.output(id, Stream::Stderr, 0, format!("{rest}\n").as_bytes()).await,
            "result" => self.bundle(id, json!({"text/plain": rest})).await,
            "json" => self.bundle(id, json!({"text/plain": rest, "application/json": rest})).await,
            "flood" => self.flood(id, caps, rest.parse().unwrap_or(0)).await,
            "set" => {
                let (name, text) = rest.split_once(' ').unwrap_or((rest, ""));
                let memory = self.contexts.entry(context.clone()).or_default();
                memory.names.insert(name.to_owned(), text.to_owned());
            }
            "get" | "env" => {
                let memory = self.contexts.entry(context.clone()).or_default();
                let names = if word == "get" { &memory.names } else { &memory.env };
                match names.get(rest).cloned() {
                    Some(text) => self.bundle(id, json!({"text/plain": text})).await,
                    None => return self.raise(id, "NameError", rest, line.0).await,
                }
            }
            "stdin" => return self.stdin(context, id).await,
            "write" => {
                let (path, text) = rest.split_once(' ').unwrap_or((rest, ""));
                self.files.put(path, text.as_bytes());
            }
            "cat" => match self.files.get(rest).map(<[u8]>::to_vec) {
                Some(bytes) => self.output(id, Stream::Stdout, 0, &bytes).await,
                None => return self.raise(id, "FileNotFoundError", rest, line.0).await,
            },
            "burn" => {
                let more: f64 = rest.parse().unwrap_or(0.0);
                self.guest.meter().set(|measure| measure.cpu_ms = measure.cpu_ms.map(|now| now + more));
            }
            "sleep" | "hang" | "stuck" => {
                let wait = rest.parse().ok().map(Duration::from_millis);
                return self.wait(context, id, wait, word == "stuck").await;
            }
            _ => return self.ending(id, word, rest, line.0).await,
        }
        Went::On
    }

    async fn ending(&mut self, id: &ExecutionId, word: &str, rest: &str, line: u32) -> Went {
        match word {
            "raise" => {
                let (name, message) = rest.split_once(' ').unwrap_or((rest, ""));
                self.raise(id, name, message, line).await
            }
            "exit" => {
                let exit_code = rest.parse().unwrap_or(0);
                Went::Over(End::Done { status: DriverStatus::Exit, exit_code })
            }
            "die" => Went::Over(End::Exited(Exit::Signal(rest.parse().unwrap_or(9)))),
            "oom" => {
                self.guest.meter().set(|measure| measure.oom_kills = measure.oom_kills.map(|now| now + 1));
                Went::Over(End::Exited(Exit::Signal(9)))
            }
            other => self.raise(id, "SyntaxError", &format!("unknown order {other:?}"), line).await,
        }
    }

    async fn output(&mut self, execution: &ExecutionId, stream: Stream, skipped: u64, bytes: &[u8]) {
        if self.follows(execution) {
            return Box::pin(self.pass_on(execution, stream, bytes)).await;
        }
        self.guest.say(&Reply::Output { execution: execution.clone(), stream, skipped }, bytes).await;
    }

    async fn flood(&mut self, id: &ExecutionId, caps: Caps, bytes: u64) {
        let half = caps.output_bytes / 2;
        let line = |from: u64, to: u64| (from..to).map(|at| if at % 64 == 63 { b'\n' } else { b'x' });
        if bytes <= caps.output_bytes {
            let all: Vec<u8> = line(0, bytes).collect();
            return self.output(id, Stream::Stdout, 0, &all).await;
        }
        let head: Vec<u8> = line(0, half).collect();
        let tail: Vec<u8> = line(bytes - half, bytes).collect();
        self.output(id, Stream::Stdout, 0, &head).await;
        self.output(id, Stream::Stdout, bytes - 2 * half, &tail).await;
    }

    async fn bundle(&mut self, execution: &ExecutionId, data: serde_json::Value) {
        let execution = execution.clone();
        let reply = Reply::Bundle { execution, main: true, display_id: None, update: false };
        self.guest.say(&reply, data.to_string().as_bytes()).await;
    }

    async fn raise(&mut self, execution: &ExecutionId, name: &str, message: &str, line: u32) -> Went {
        if self.follows(execution) {
            self.output(execution, Stream::Stderr, 0, format!("{name}: {message}\n").as_bytes()).await;
            return Went::Over(End::Done { status: DriverStatus::Error, exit_code: 1 });
        }
        let raised = Raised {
            name: name.to_owned(),
            message: message.to_owned(),
            traceback: vec![format!("\u{1b}[31m{name}\u{1b}[0m: {message}")],
            line: Some(line),
            errno: None,
            syntax: name == "SyntaxError",
            import: name == "ModuleNotFoundError",
        };
        let payload = serde_json::to_vec(&raised).unwrap_or_default();
        self.guest.say(&Reply::Raised { execution: execution.clone() }, &payload).await;
        Went::Over(End::Done { status: DriverStatus::Error, exit_code: 1 })
    }

    async fn stdin(&mut self, context: &ContextId, id: &ExecutionId) -> Went {
        while self.contexts.get(context).is_some_and(|memory| !memory.stdin_ended) {
            match self.hear_until(context, None, false).await {
                Woken::Due => {}
                woken => return self.woken(id, woken).await,
            }
        }
        let bytes = self.contexts.get_mut(context).map(|memory| std::mem::take(&mut memory.stdin));
        self.output(id, Stream::Stdout, 0, &bytes.unwrap_or_default()).await;
        Went::On
    }

    async fn wait(
        &mut self,
        context: &ContextId,
        id: &ExecutionId,
        wait: Option<Duration>,
        stuck: bool,
    ) -> Went {
        let due = wait.map(|wait| Instant::now() + wait);
        loop {
            match self.hear_until(context, due, stuck).await {
                Woken::Due if due.is_none_or(|due| Instant::now() < due) => {}
                woken => return self.woken(id, woken).await,
            }
        }
    }

    async fn woken(&mut self, id: &ExecutionId, woken: Woken) -> Went {
        match woken {
            Woken::Due => Went::On,
            Woken::Interrupt => self.raise(id, "KeyboardInterrupt", "", 1).await,
            Woken::Kill | Woken::HostGone => Went::Over(End::Exited(Exit::Signal(9))),
        }
    }

    /// Hears one request, or waits until `due`. Requests for others are answered later.
    async fn hear_until(&mut self, context: &ContextId, due: Option<Instant>, stuck: bool) -> Woken {
        let heard = match due {
            None => Ok(self.guest.hear().await),
            Some(due) => tokio::time::timeout_at(due, self.guest.hear()).await,
        };
        match heard {
            Err(_) => Woken::Due,
            Ok(None) => Woken::HostGone,
            Ok(Some(frame)) => match frame.header {
                Request::Interrupt { context: ref of } if of == context && !stuck => Woken::Interrupt,
                Request::ContextKill { context: ref of } if of == context => Woken::Kill,
                Request::CommandSignal { execution, signal } if seat(&execution) == *context => {
                    match signal {
                        9 => Woken::Kill,
                        _ if stuck => Woken::Due,
                        _ => Woken::Interrupt,
                    }
                }
                Request::Stdin { context: of, execution, end }
                    if of.as_ref() == Some(context)
                        || execution.as_ref().map(seat).as_ref() == Some(context) =>
                {
                    self.feed(of, execution, end, &frame.payload).await;
                    Woken::Due
                }
                Request::ProcessKill { process } if seat(&process) == *context => Woken::Kill,
                Request::OutputTaken { process, bytes } => {
                    if let Some((_, ahead)) = self.followed.as_mut().filter(|(id, _)| *id == process) {
                        *ahead = ahead.saturating_sub(bytes);
                    }
                    Woken::Due
                }
                Request::Interrupt { .. } | Request::Resize { .. } => Woken::Due,
                _ => {
                    self.waiting.push_back(frame);
                    Woken::Due
                }
            },
        }
    }
}

/// Where a command has its memory.
fn seat(execution: &ExecutionId) -> ContextId {
    let digits = execution.as_str().strip_prefix(ExecutionId::PREFIX).unwrap_or_default();
    ContextId::from_bits(u128::from_str_radix(digits, 16).unwrap_or_default())
}
