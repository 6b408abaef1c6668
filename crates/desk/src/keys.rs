//! Keys: made once and shown once, kept as hashes in a file of the data folder, found by their prefix.
//!
//! The file is written whole and renamed. A server sees at once what a command line changed: it looks at the file's
//! time before it looks at a key.

use crate::{KeyLimits, Scope, Visitor, allowance::Allowance};
use chrono::{DateTime, Utc};
use interpreter::{Caller, random_bits};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    collections::HashMap,
    io::Write,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};
use subtle::ConstantTimeEq;

/// What every key begins with.
const MARK: &str = "blj_";
/// What it begins with where clients of E2B send it.
const E2B_MARK: &str = "e2b_";
const PREFIX_DIGITS: usize = 8;
const SECRET_DIGITS: usize = 64;
const NAME_CHARS_MAX: usize = 100;

/// Why keys could not be read or written. The text fits after "cannot …".
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file is there and cannot be read.
    #[error("read the keys in {}: {why}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The file cannot be written.
    #[error("write the keys to {}: {why}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// A name that says nothing, or too much.
    #[error("use {0:?} as a name: it has 1 to 100 characters")]
    Name(String),
    /// No key of that prefix or name.
    #[error("find the key {0:?}")]
    Unknown(String),
}

/// A key as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Key {
    /// What it begins with; enough to recognise it.
    pub prefix: String,
    /// What a person calls it.
    pub name: String,
    /// SHA-256 of the whole key, in hexadecimal.
    sha256: String,
    /// Whose sandboxes it opens.
    pub caller: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// From when on it opens nothing.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// What it opens.
    pub scopes: Vec<Scope>,
    /// How much it may do.
    #[serde(default)]
    pub limits: KeyLimits,
}

impl Key {
    /// Whether it opens anything now.
    pub fn is_good(&self) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| Utc::now() < end)
    }
}

/// What a new key shall be.
#[derive(Debug, Clone, PartialEq)]
pub struct NewKey {
    /// What a person calls it.
    pub name: String,
    /// From when on it opens nothing.
    pub expires_at: Option<DateTime<Utc>>,
    /// What it opens.
    pub scopes: Vec<Scope>,
    /// How much it may do.
    pub limits: KeyLimits,
}

/// The keys of one data folder.
pub struct Keys {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    read: Option<SystemTime>,
    keys: Vec<Key>,
    /// What is left of each key's limits, by its prefix.
    allowances: HashMap<String, Arc<Allowance>>,
}

#[derive(Default, Serialize, Deserialize)]
struct Stored {
    keys: Vec<Key>,
}

impl Keys {
    /// Those in this file, which need not be there.
    pub fn at(path: impl Into<PathBuf>) -> Keys {
        Keys { path: path.into(), state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a key; gives it back, which is the only time that anybody sees it.
    ///
    /// # Errors
    /// When the name cannot be, or the file cannot be read or written.
    pub fn create(&self, new: NewKey) -> Result<(Key, String), KeyError> {
        if new.name.trim().is_empty() || new.name.chars().count() > NAME_CHARS_MAX {
            return Err(KeyError::Name(new.name.chars().take(NAME_CHARS_MAX).collect()));
        }
        let prefix = format!("{MARK}{:08x}", random_bits() as u32);
        let whole = format!("{prefix}_{:032x}{:032x}", random_bits(), random_bits());
        let key = Key {
            caller: format!("key_{:032x}", random_bits()),
            sha256: hexadecimal(&hash(&whole)),
            prefix,
            name: new.name,
            created_at: Utc::now(),
            expires_at: new.expires_at,
            revoked_at: None,
            scopes: new.scopes,
            limits: new.limits,
        };
        let made = key.clone();
        self.change(move |keys| {
            keys.push(key);
            Ok(())
        })?;
        Ok((made, whole))
    }

    /// All of them, also those that open nothing any more.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn list(&self) -> Result<Vec<Key>, KeyError> {
        read(&self.path)
    }

    /// A key opens nothing any more; `which` is its prefix, or its name where only one has it.
    ///
    /// # Errors
    /// When there is no such key, or the file cannot be read or written.
    pub fn revoke(&self, which: &str) -> Result<Key, KeyError> {
        let mut revoked = None;
        self.change(|keys| {
            let good =
                |key: &&mut Key| key.revoked_at.is_none() && (key.prefix == which || key.name == which);
            let mut found: Vec<&mut Key> = keys.iter_mut().filter(good).collect();
            let [key] = found.as_mut_slice() else {
                return Err(KeyError::Unknown(which.to_owned()));
            };
            key.revoked_at = Some(Utc::now());
            revoked = Some(key.clone());
            Ok(())
        })?;
        revoked.ok_or_else(|| KeyError::Unknown(which.to_owned()))
    }

    /// Whose key this is. `None` for one that opens nothing.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn visitor(&self, given: &str) -> Result<Option<Visitor>, KeyError> {
        let spelled = from_e2b(given);
        let given = spelled.as_deref().unwrap_or(given);
        let mut state = self.state();
        self.refresh(&mut state)?;
        let sound = given.len() == MARK.len() + PREFIX_DIGITS + 1 + SECRET_DIGITS && given.is_ascii();
        let Some(prefix) = sound.then(|| &given[..MARK.len() + PREFIX_DIGITS]) else {
            return Ok(None);
        };
        let digest = hexadecimal(&hash(given));
        let opens = |key: &&Key| {
            key.prefix == prefix
                && bool::from(key.sha256.as_bytes().ct_eq(digest.as_bytes()))
                && key.is_good()
        };
        let Some(key) = state.keys.iter().find(opens) else {
            return Ok(None);
        };
        let allowance = state.allowances.get(&key.prefix).cloned();
        let allowance = allowance.unwrap_or_else(|| Arc::new(Allowance::new(key.limits)));
        let scopes = Arc::from(key.scopes.as_slice());
        Ok(Some(Visitor { caller: Caller(key.caller.clone()), scopes, allowance }))
    }

    /// Whether any key opens anything now.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn any_good(&self) -> Result<bool, KeyError> {
        Ok(self.list()?.iter().any(Key::is_good))
    }

    fn refresh(&self, state: &mut State) -> Result<(), KeyError> {
        let modified = std::fs::metadata(&self.path).and_then(|found| found.modified()).ok();
        if modified == state.read && modified.is_some() {
            return Ok(());
        }
        let keys = read(&self.path)?;
        let allowance = |key: &Key| {
            let allowance = match state.allowances.get(&key.prefix) {
                Some(before) => Allowance::after(key.limits, before),
                None => Allowance::new(key.limits),
            };
            (key.prefix.clone(), Arc::new(allowance))
        };
        state.allowances = keys.iter().map(allowance).collect();
        (state.keys, state.read) = (keys, modified);
        Ok(())
    }

    /// Reads, changes and writes, while no other process does.
    fn change(&self, change: impl FnOnce(&mut Vec<Key>) -> Result<(), KeyError>) -> Result<(), KeyError> {
        let failed =
            |error: std::io::Error| KeyError::Write { path: self.path.clone(), why: error.to_string() };
        let folder = self.path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(failed)?;
        let lock = std::fs::File::create(self.path.with_extension("lock")).map_err(failed)?;
        lock.lock().map_err(failed)?;
        let mut keys = read(&self.path)?;
        change(&mut keys)?;
        let text = serde_json::to_string_pretty(&Stored { keys });
        let text = text.map_err(|error| failed(std::io::Error::other(error)))?;
        // Mode 0600, as temporary files have.
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        file.write_all(text.as_bytes()).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(&self.path).map(drop).map_err(|error| failed(error.error))
    }
}

fn read(path: &Path) -> Result<Vec<Key>, KeyError> {
    let failed = |why: String| KeyError::Read { path: path.to_owned(), why };
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let stored: Stored = serde_json::from_str(&text).map_err(|error| failed(error.to_string()))?;
            Ok(stored.keys)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(failed(error.to_string())),
    }
}

/// A key as clients of E2B take it: old ones refuse any that is not `e2b_` and hexadecimal digits.
pub fn to_e2b(key: &str) -> String {
    let digits: String = key.trim_start_matches(MARK).chars().filter(|digit| *digit != '_').collect();
    format!("{E2B_MARK}{digits}")
}

fn from_e2b(given: &str) -> Option<String> {
    let digits = given.strip_prefix(E2B_MARK).filter(|digits| digits.is_ascii())?;
    let (prefix, secret) = digits.split_at_checked(PREFIX_DIGITS)?;
    Some(format!("{MARK}{prefix}_{secret}"))
}

fn hash(whole: &str) -> [u8; 32] {
    Sha256::digest(whole).into()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;
