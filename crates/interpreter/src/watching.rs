//! Watching a directory of a sandbox. A guest tells no more than is taken; what a queue cannot hold is an error, not silence.

use crate::{
    Error, FileError, Sandbox, collect,
    files::check,
    routes::Part,
    text::{plain, printable},
};
use protocol::guest::{CHUNK_COST_BYTES, Request, Transfer, WATCH_BYTES_MAX, WatchEvent};
use std::{collections::VecDeque, sync::Arc};
use tokio::sync::mpsc::{UnboundedReceiver, error::TryRecvError};

/// What one more frame may bring than the guest was allowed: it stops after the frame that is too much.
const LAST_BYTES: usize = 1 << 20;

/// Events that are given at once, where more happen all the time.
const DRAINED_MAX: usize = 20_000;

/// A directory that is watched. Dropping it ends that.
pub struct Watching {
    sandbox: Arc<Sandbox>,
    transfer: Transfer,
    parts: UnboundedReceiver<Part>,
    path: String,
    waiting: VecDeque<WatchEvent>,
}

impl Sandbox {
    /// Begins to watch a directory, with all below it where `recursive` says so; what happens afterwards is told.
    ///
    /// # Errors
    /// When the path is unsound or names no directory, there are too many watches, the sandbox refuses or is gone.
    pub async fn watch(self: &Arc<Self>, path: &str, recursive: bool) -> Result<Watching, Error> {
        check(path)?;
        let (transfer, parts) = self.wire().routes.add_transfer(WATCH_BYTES_MAX as usize + LAST_BYTES);
        let (path, waiting) = (path.to_owned(), VecDeque::new());
        let mut watching = Watching { sandbox: self.clone(), transfer, parts, path, waiting };
        let order = Request::Watch { transfer, path: watching.path.clone(), recursive };
        self.wire().send(&order, &[]).await.map_err(|gone| self.lost(gone))?;
        watching.take().await?;
        Ok(watching)
    }
}

impl Watching {
    /// The next thing that happened; an error is the last. Nothing is lost when this future is dropped.
    pub async fn next(&mut self) -> Option<Result<WatchEvent, Error>> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(Ok(event));
            }
            if let Err(error) = self.take().await {
                return Some(Err(error));
            }
        }
    }

    /// All that has happened until now and was not fetched.
    ///
    /// # Errors
    /// When the watch has failed, or the sandbox is gone.
    pub async fn drain(&mut self) -> Result<Vec<WatchEvent>, Error> {
        loop {
            let before = self.waiting.len();
            self.sandbox.files().drain(&self.path, self.transfer).await?;
            loop {
                match self.parts.try_recv() {
                    Ok(part) => self.hear(Some(part))?,
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => self.hear(None)?,
                }
            }
            if self.waiting.len() == before || before > DRAINED_MAX {
                return Ok(std::mem::take(&mut self.waiting).into());
            }
        }
    }

    async fn take(&mut self) -> Result<(), Error> {
        let part = self.parts.recv().await;
        self.hear(part)
    }

    fn hear(&mut self, part: Option<Part>) -> Result<(), Error> {
        match part {
            Some(Part::Chunk(bytes)) => {
                let events: Vec<WatchEvent> = serde_json::from_slice(&bytes)
                    .map_err(|_| FileError::Answer { path: printable(&self.path) })?;
                self.waiting.extend(events.into_iter().filter(|event| collect::is_below(&event.name)));
                let (transfer, wire) = (self.transfer, self.sandbox.wire());
                let bytes = bytes.len() as u64 + CHUNK_COST_BYTES;
                wire.routes.give_transfer(transfer, bytes as usize);
                wire.post(&Request::WatchTaken { transfer, bytes });
                Ok(())
            }
            Some(Part::Failed { errno, message }) => {
                let message = plain(&message).replace('\n', " ");
                Err(FileError::Refused { message, errno }.into())
            }
            Some(Part::Done) => Err(FileError::Answer { path: printable(&self.path) }.into()),
            None if self.sandbox.is_alive() => Err(FileError::Answer { path: printable(&self.path) }.into()),
            None => Err(self.sandbox.lost(self.sandbox.wire().gone())),
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        if self.sandbox.wire().routes.remove_transfer(self.transfer) {
            self.sandbox.wire().post(&Request::Stop { transfer: self.transfer });
        }
    }
}

impl std::fmt::Debug for Watching {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watching").field("path", &self.path).finish_non_exhaustive()
    }
}
