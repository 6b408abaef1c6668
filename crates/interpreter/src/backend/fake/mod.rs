//! The `fake` backend: guests that run in this process and speak the real protocol over a pipe in memory.
//!
//! [`Fake::honest`] runs a tiny language of its own (see `honest`), so that edges can be tried without a sandbox;
//! [`Fake::scripted`] runs whatever a test says, lies included. It walls off nothing and says so: never offer it to users.

mod files;
mod honest;

use super::{Backend, Guard, Later, Measure, Probe, StartError, StartRequest, Started};
use protocol::{
    Isolation, Level, Strength, Wall,
    frame::{self, Decoder, Frame},
    guest::{Reply, Request, VERSION},
};
use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    task::AbortHandle,
};

const PIPE_BYTES: usize = 64 << 10;

type Script = dyn Fn(FakeGuest) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync;

/// A backend whose guests are tasks of this process.
#[derive(Clone)]
pub struct Fake {
    script: Arc<Script>,
    zygote: bool,
    claims: Vec<Wall>,
    failure: Option<String>,
    alive: Arc<AtomicUsize>,
    tasks: Arc<Mutex<Vec<AbortHandle>>>,
    name: &'static str,
    refuses: Option<&'static str>,
}

impl Fake {
    /// Guests that keep the protocol and understand a tiny language; see the folder's `honest.rs`.
    pub fn honest() -> Fake {
        Fake::scripted(honest::serve)
    }

    /// Guests that do what `script` does.
    pub fn scripted<F>(script: impl Fn(FakeGuest) -> F + Send + Sync + 'static) -> Fake
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let script: Arc<Script> = Arc::new(move |guest| Box::pin(script(guest)));
        Fake {
            script,
            zygote: true,
            claims: vec![Wall::Cgroup, Wall::OwnUid],
            failure: None,
            alive: Arc::default(),
            tasks: Arc::default(),
            name: "fake",
            refuses: None,
        }
    }

    /// What the backend itself claims; everything that it may claim where this is not called.
    pub fn claiming(mut self, walls: &[Wall]) -> Fake {
        self.claims = walls.to_vec();
        self
    }

    /// What it says when it is asked why a sandbox failed.
    pub fn failing(mut self, why: &str) -> Fake {
        self.failure = Some(why.to_owned());
        self
    }

    /// Another name, where there are several.
    pub fn called(mut self, name: &'static str) -> Fake {
        self.name = name;
        self
    }

    /// Starts nothing, with this code for a reason.
    pub fn refusing(mut self, code: &'static str) -> Fake {
        self.refuses = Some(code);
        self
    }

    /// Makes Python contexts by commands rather than by a zygote.
    pub fn without_zygote(mut self) -> Fake {
        self.zygote = false;
        self
    }

    /// Sandboxes that were started and not destroyed yet.
    pub fn alive(&self) -> usize {
        self.alive.load(Ordering::Acquire)
    }

    /// Ends every guest that runs now, as a crash would.
    pub fn end_all(&self) {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).drain(..).for_each(|task| task.abort());
    }

    fn begin(&self, request: StartRequest) -> Started {
        let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
        let meter = Meter::default();
        let guest = FakeGuest { stream: theirs, decoder: Decoder::default(), meter: meter.clone(), request };
        self.alive.fetch_add(1, Ordering::AcqRel);
        let task = tokio::spawn((self.script)(guest)).abort_handle();
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).push(task.clone());
        let isolation = Isolation {
            backend: self.name.to_owned(),
            level: Level::SharedKernel,
            strength: Strength::Weak,
            walls: self.claims.clone(),
            missing: Vec::new(),
        };
        Started {
            stream: Box::new(ours),
            guard: Box::new(FakeGuard {
                meter,
                task,
                failure: self.failure.clone(),
                alive: self.alive.clone(),
            }),
            isolation,
            zygote: self.zygote,
            bash: "/usr/bin/bash".to_owned(),
            node: "/usr/bin/node".to_owned(),
        }
    }
}

impl Backend for Fake {
    fn name(&self) -> &'static str {
        self.name
    }

    fn start(&self, request: StartRequest) -> Later<'_, Result<Started, StartError>> {
        let refused = self.refuses.map(|code| StartError::new(code, "it refuses to"));
        Box::pin(async move { refused.map_or_else(|| Ok(self.begin(request)), Err) })
    }

    fn uses_templates(&self) -> bool {
        false
    }

    fn probe(&self) -> Probe {
        let (backend, level) = (self.name.to_owned(), Level::SharedKernel);
        Probe {
            backend,
            usable: self.refuses.is_none(),
            level,
            walls: Wall::ALL.to_vec(),
            checks: Vec::new(),
        }
    }
}

/// What a fake sandbox seems to use.
#[derive(Debug, Clone)]
pub struct Meter(Arc<Mutex<Measure>>);

impl Default for Meter {
    fn default() -> Meter {
        let measure = Measure { cpu_ms: Some(0.0), memory_peak_bytes: Some(1 << 20), oom_kills: Some(0) };
        Meter(Arc::new(Mutex::new(measure)))
    }
}

impl Meter {
    /// What it shows.
    pub fn read(&self) -> Measure {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what it shows.
    pub fn set(&self, change: impl FnOnce(&mut Measure)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

struct FakeGuard {
    meter: Meter,
    task: AbortHandle,
    failure: Option<String>,
    alive: Arc<AtomicUsize>,
}

impl Guard for FakeGuard {
    fn measure(&self) -> Measure {
        self.meter.read()
    }

    fn memory_bytes(&self) -> Option<u64> {
        self.meter.read().memory_peak_bytes
    }

    fn failure(&self) -> Option<String> {
        self.failure.clone()
    }
}

impl Drop for FakeGuard {
    fn drop(&mut self) {
        self.task.abort();
        self.alive.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A guest's end of the stream.
pub struct FakeGuest {
    stream: DuplexStream,
    decoder: Decoder,
    meter: Meter,
    /// What the sandbox was asked to be.
    pub request: StartRequest,
}

impl FakeGuest {
    /// What the sandbox seems to use.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// The next request; `None` when the host's side is gone or does not keep the protocol.
    pub async fn hear(&mut self) -> Option<Frame<Request>> {
        let mut buffer = vec![0; PIPE_BYTES];
        loop {
            if let Some(frame) = self.decoder.next().ok()? {
                return Some(frame);
            }
            let count = self.stream.read(&mut buffer).await.ok()?;
            if count == 0 {
                return None;
            }
            self.decoder.push(&buffer[..count]);
        }
    }

    /// Sends a reply. False when the host's side is gone or the reply is longer than a frame may be.
    pub async fn say(&mut self, reply: &Reply, payload: &[u8]) -> bool {
        let mut bytes = Vec::new();
        frame::encode(reply, payload, &mut bytes).is_ok() && self.say_raw(&bytes).await
    }

    /// Sends bytes that need not be a frame. False when the host's side is gone.
    pub async fn say_raw(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// Says that it is ready, behind all walls that a guest can see.
    pub async fn say_ready(&mut self) -> bool {
        self.say(&Reply::Ready { version: VERSION, walls: Wall::ALL.to_vec() }, &[]).await
    }
}
