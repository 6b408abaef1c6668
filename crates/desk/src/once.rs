//! Requests that carry an idempotency key: made once, however often they come.

use crate::{Desk, DeskError, Visitor};
use interpreter::Caller;
use protocol::{ContextId, ExecutionId, SandboxId};
use sha2::{Digest, Sha256};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::OnceCell, time::Instant};

/// How long a key is remembered.
const REMEMBERED: Duration = Duration::from_secs(24 * 3600);
/// Keys of one caller, and of all, at most; the oldest are forgotten first.
const OWN_MAX: usize = 1000;
const ALL_MAX: usize = 20_000;
const KEY_BYTES_MAX: usize = 255;

/// What a request made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Made {
    /// An execution or a command.
    Run(ExecutionId),
    /// A sandbox.
    Sandbox(SandboxId),
    /// A context.
    Context(ContextId),
}

/// A request that may come again.
#[derive(Debug, Clone, Copy)]
pub struct Repeat<'a> {
    /// The key that its sender chose.
    pub key: &'a str,
    /// What is asked for, and of what.
    pub target: &'a str,
    /// All of the request.
    pub body: &'a [u8],
}

/// What was made for which key.
#[derive(Default)]
pub(crate) struct Once {
    entries: Mutex<HashMap<(Caller, String), Entry>>,
}

struct Entry {
    digest: [u8; 32],
    made: Arc<OnceCell<Made>>,
    since: Instant,
}

impl Once {
    fn entries(&self) -> MutexGuard<'_, HashMap<(Caller, String), Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cell(&self, caller: &Caller, repeat: Repeat<'_>) -> Result<Arc<OnceCell<Made>>, DeskError> {
        let mut digest = Sha256::new();
        digest.update((repeat.target.len() as u64).to_le_bytes());
        digest.update(repeat.target);
        digest.update(repeat.body);
        let digest: [u8; 32] = digest.finalize().into();
        let mut entries = self.entries();
        let key = (caller.clone(), repeat.key.to_owned());
        match entries.get(&key) {
            Some(entry) if entry.since.elapsed() < REMEMBERED => {
                return match entry.digest == digest {
                    true => Ok(entry.made.clone()),
                    false => Err(DeskError::NotTheSame),
                };
            }
            _ => {}
        }
        make_room(&mut entries, caller);
        let made = Arc::new(OnceCell::new());
        entries.insert(key, Entry { digest, made: made.clone(), since: Instant::now() });
        Ok(made)
    }

    pub fn forget_old(&self) {
        self.entries().retain(|_, entry| entry.since.elapsed() < REMEMBERED);
    }
}

fn make_room(entries: &mut HashMap<(Caller, String), Entry>, caller: &Caller) {
    let own = entries.keys().filter(|(of, _)| of == caller).count();
    let oldest = match own >= OWN_MAX {
        true => entries.iter().filter(|((of, _), _)| of == caller).min_by_key(|(_, entry)| entry.since),
        false if entries.len() >= ALL_MAX => entries.iter().min_by_key(|(_, entry)| entry.since),
        false => None,
    };
    if let Some(key) = oldest.map(|(key, _)| key.clone()) {
        entries.remove(&key);
    }
}

impl Desk {
    /// Makes something once for one key: who asks again, even meanwhile, gets what the first one made. What failed is
    /// tried again. True where it had been made before.
    ///
    /// # Errors
    /// When the key came with another request before, or it cannot be made.
    pub async fn once(
        &self,
        visitor: &Visitor,
        repeat: Repeat<'_>,
        make: impl Future<Output = Result<Made, DeskError>>,
    ) -> Result<(Made, bool), DeskError> {
        if repeat.key.is_empty() || repeat.key.len() > KEY_BYTES_MAX {
            let why = "it has 1 to 255 characters".to_owned();
            return Err(DeskError::Request { what: "this idempotency key".to_owned(), why });
        }
        let cell = self.once_table().cell(visitor.caller(), repeat)?;
        let mut first = false;
        let made = cell.get_or_try_init(|| {
            first = true;
            make
        });
        let made = made.await?.clone();
        Ok((made, !first))
    }
}
