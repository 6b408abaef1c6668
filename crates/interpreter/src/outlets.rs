//! What comes of processes that somebody follows, on its way to whoever does. What a guest may send is bounded by what
//! was taken: more than that, nothing at all, or output without a process is a guest that breaks the protocol.

use crate::routes::Broken;
use bytes::Bytes;
use protocol::{
    ExecutionId,
    guest::{End, OUTPUT_WINDOW_BYTES, Stream},
};
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard},
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What a guest says of one process.
#[derive(Debug, PartialEq)]
pub(crate) enum Said {
    Started(u32),
    Failed { errno: i32, message: String },
    Output { stream: Stream, bytes: Bytes },
    Ended(End),
}

struct Outlet {
    said: UnboundedSender<Said>,
    started: bool,
    /// Bytes that may still come.
    left: u64,
}

/// Those of one sandbox.
#[derive(Default)]
pub(crate) struct Outlets(Mutex<Open>);

#[derive(Default)]
struct Open {
    closed: bool,
    outlets: HashMap<ExecutionId, Outlet>,
}

impl Outlets {
    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// What will be said of a process. The channel ends early when the stream does.
    pub fn add(&self, id: ExecutionId) -> UnboundedReceiver<Said> {
        let (said, receiver) = unbounded_channel();
        let mut open = self.open();
        if !open.closed {
            open.outlets.insert(id, Outlet { said, started: false, left: OUTPUT_WINDOW_BYTES });
        }
        receiver
    }

    /// Forgets a process; true when it had not ended.
    pub fn remove(&self, id: &ExecutionId) -> bool {
        self.open().outlets.remove(id).is_some()
    }

    /// So many bytes were taken, and as many may come.
    pub fn give(&self, id: &ExecutionId, bytes: u64) {
        if let Some(outlet) = self.open().outlets.get_mut(id) {
            outlet.left = outlet.left.saturating_add(bytes);
        }
    }

    /// Ends everything that waits.
    pub fn close(&self) {
        *self.open() = Open { closed: true, outlets: HashMap::new() };
    }

    /// Brings it to whoever follows the process; false when nobody does.
    pub fn deliver(&self, id: &ExecutionId, said: Said) -> Result<bool, Broken> {
        let mut open = self.open();
        let Some(outlet) = open.outlets.get_mut(id) else {
            return Ok(false);
        };
        let last = match &said {
            Said::Started(_) | Said::Failed { .. } if outlet.started => return Ok(false),
            Said::Started(_) => {
                outlet.started = true;
                false
            }
            Said::Failed { .. } => true,
            _ if !outlet.started => {
                return Err(Broken("told of a process before it said that it runs".to_owned()));
            }
            Said::Output { bytes, .. } => {
                if bytes.is_empty() || bytes.len() as u64 > outlet.left {
                    return Err(Broken("sent other output of a process than was asked for".to_owned()));
                }
                outlet.left -= bytes.len() as u64;
                false
            }
            Said::Ended(_) => true,
        };
        let heard = outlet.said.send(said).is_ok();
        if last || !heard {
            open.outlets.remove(id);
        }
        Ok(heard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(bytes: usize) -> Said {
        Said::Output { stream: Stream::Stdout, bytes: vec![0; bytes].into() }
    }

    #[test]
    fn no_more_comes_than_was_taken() {
        let window = OUTPUT_WINDOW_BYTES as usize;
        let (outlets, id) = (Outlets::default(), ExecutionId::from_bits(1));
        let mut said = outlets.add(id.clone());
        assert!(outlets.deliver(&id, output(1)).is_err(), "before it runs");
        assert!(!outlets.deliver(&ExecutionId::from_bits(2), output(1)).unwrap());
        assert!(outlets.deliver(&id, Said::Started(7)).unwrap());
        assert!(!outlets.deliver(&id, Said::Started(8)).unwrap());
        assert!(outlets.deliver(&id, output(0)).is_err(), "nothing at all");
        assert!(outlets.deliver(&id, output(window)).unwrap());
        assert!(outlets.deliver(&id, output(1)).is_err());
        outlets.give(&id, 5);
        assert!(outlets.deliver(&id, output(5)).unwrap());
        assert!(outlets.deliver(&id, output(1)).is_err());
        let end = || Said::Ended(End::OutOfMemory);
        assert!(outlets.deliver(&id, end()).unwrap() && !outlets.deliver(&id, end()).unwrap());
        assert!(!outlets.remove(&id));
        for expected in [Said::Started(7), output(window), output(5), end()] {
            assert_eq!(said.try_recv().unwrap(), expected);
        }
        assert!(said.try_recv().is_err());
    }
}
