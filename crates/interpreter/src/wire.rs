//! A sandbox's byte stream as frames: one task reads and one writes. What frames mean is not known here.
//!
//! The stream ends for good at the first malformed frame: a guest that breaks the protocol is not talked to any more.

use crate::{
    backend::Stream,
    routes::{Broken, Routes},
};
use protocol::{
    frame::{self, Decoder, PAYLOAD_BYTES_MAX},
    guest::{Reply, Request},
};
use std::sync::{Arc, OnceLock};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    task::AbortHandle,
};

/// Bytes that may wait to be written, beside the small orders that never wait.
const QUEUE_BYTES: usize = 8 << 20;
const READ_BYTES: usize = 64 << 10;

/// The stream is gone.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Gone(pub String);

struct Outgoing {
    bytes: Vec<u8>,
    _room: Option<OwnedSemaphorePermit>,
}

/// The host's end of the stream of one sandbox.
pub(crate) struct Wire {
    outgoing: mpsc::UnboundedSender<Outgoing>,
    room: Arc<Semaphore>,
    why: Arc<OnceLock<String>>,
    tasks: [AbortHandle; 2],
    /// Who waits for replies.
    pub routes: Arc<Routes>,
}

impl Wire {
    /// Begins to read and write. `at_end` runs when the guest ends the stream, before those who wait learn of it.
    /// The channel tells when the guest has said its first words.
    pub fn open(
        stream: Box<dyn Stream>,
        at_end: impl FnOnce() + Send + 'static,
    ) -> (Wire, oneshot::Receiver<()>) {
        let (reading, writing) = tokio::io::split(stream);
        let (outgoing, queue) = mpsc::unbounded_channel();
        let (routes, greeting) = Routes::new();
        let routes = Arc::new(routes);
        let why = Arc::new(OnceLock::new());
        let room = Arc::new(Semaphore::new(QUEUE_BYTES));
        let writer = tokio::spawn(write_all(writing, queue)).abort_handle();
        let ending = Ending { writer: writer.clone(), room: room.clone(), why: why.clone() };
        let reader = tokio::spawn(read_all(reading, routes.clone(), ending, at_end)).abort_handle();
        (Wire { outgoing, room, why, tasks: [reader, writer], routes }, greeting)
    }

    /// Sends an order that must not wait behind a full queue: interrupts, kills, the end of a transfer.
    pub fn post(&self, request: &Request) {
        self.post_with(request, &[]);
    }

    /// The same with bytes, which whoever sends them bounds. False when the stream has ended.
    pub fn post_with(&self, request: &Request, payload: &[u8]) -> bool {
        let mut bytes = Vec::new();
        frame::encode(request, payload, &mut bytes).is_ok()
            && !self.is_closed()
            && self.outgoing.send(Outgoing { bytes, _room: None }).is_ok()
    }

    /// Queues a frame; waits while too much is queued already.
    ///
    /// # Errors
    /// When the stream has ended, or the frame is longer than a frame may be.
    pub async fn send(&self, request: &Request, payload: &[u8]) -> Result<(), Gone> {
        let mut bytes = Vec::new();
        frame::encode(request, payload, &mut bytes).map_err(|error| Gone(format!("cannot {error}")))?;
        let share = u32::try_from(bytes.len().min(QUEUE_BYTES)).unwrap_or(QUEUE_BYTES as u32);
        let permit = self.room.clone().acquire_many_owned(share).await.map_err(|_| self.gone())?;
        self.outgoing.send(Outgoing { bytes, _room: Some(permit) }).map_err(|_| self.gone())
    }

    /// Whether the stream has ended.
    pub fn is_closed(&self) -> bool {
        self.why.get().is_some()
    }

    /// Why the stream ended.
    pub fn gone(&self) -> Gone {
        Gone(self.why.get().cloned().unwrap_or_else(|| "its stream ended".to_owned()))
    }

    /// Ends the stream.
    pub fn close(&self, why: &str) {
        let _ = self.why.set(why.to_owned());
        self.room.close();
        self.tasks.iter().for_each(AbortHandle::abort);
        self.routes.close();
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.close("it was destroyed");
    }
}

async fn write_all(mut stream: WriteHalf<Box<dyn Stream>>, mut queue: mpsc::UnboundedReceiver<Outgoing>) {
    while let Some(outgoing) = queue.recv().await {
        if stream.write_all(&outgoing.bytes).await.is_err() || stream.flush().await.is_err() {
            break;
        }
    }
}

struct Ending {
    writer: AbortHandle,
    room: Arc<Semaphore>,
    why: Arc<OnceLock<String>>,
}

async fn read_all(
    stream: ReadHalf<Box<dyn Stream>>,
    routes: Arc<Routes>,
    ending: Ending,
    at_end: impl FnOnce() + Send + 'static,
) {
    let broken = read_until_broken(stream, &routes).await;
    let _ = ending.why.set(broken.to_string());
    ending.room.close();
    ending.writer.abort();
    at_end();
    routes.close();
}

async fn read_until_broken(mut stream: ReadHalf<Box<dyn Stream>>, routes: &Routes) -> Broken {
    let mut decoder = Decoder::default();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) if decoder.pending() > 0 => return Broken("went away in the middle of a frame".to_owned()),
            Ok(0) => return Broken("went away".to_owned()),
            Ok(count) => decoder.push(&buffer[..count]),
            Err(error) => return Broken(format!("went away: {error}")),
        }
        debug_assert!(decoder.pending() <= PAYLOAD_BYTES_MAX + frame::HEADER_BYTES_MAX + 8 + READ_BYTES);
        loop {
            match decoder.next::<Reply>() {
                Ok(None) => break,
                Ok(Some(frame)) => {
                    if let Err(broken) = routes.deliver(frame).await {
                        return broken;
                    }
                }
                Err(error) => return Broken(format!("sent what is not a frame: {error}")),
            }
        }
    }
}
