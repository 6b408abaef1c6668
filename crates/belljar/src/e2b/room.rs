//! What this edge knows about one sandbox, as long as it is there.

use super::{code::Contexts, envd::Watchers, usage::Usage};
use chrono::{DateTime, Utc};
use desk::Visitor;
use interpreter::random_bits;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use subtle::ConstantTimeEq;

/// Lines of the sandbox's log that are kept.
const LINES_MAX: usize = 1000;
const LINE_CHARS_MAX: usize = 500;

/// A sandbox as its client made it.
pub struct Room {
    /// Whoever made it, with what that one may.
    pub visitor: Visitor,
    /// The template by the name that was asked for.
    pub template: String,
    /// Environment of everything in it.
    pub env: BTreeMap<String, String>,
    /// How long it was to live.
    pub timeout: Duration,
    /// Whether whoever uses it while it is paused lets it go on.
    pub resumes: bool,
    /// Whether it is paused when its time is over.
    pub pauses: bool,
    /// What was asked about the network.
    pub network: Mutex<serde_json::Value>,
    /// Interpreters in it.
    pub contexts: Contexts,
    /// Watchers that are asked from time to time.
    pub watchers: Watchers,
    /// What it used when it was asked last.
    pub usage: Usage,
    metadata: AtomicBool,
    access_token: String,
    traffic_token: Option<String>,
    lines: Mutex<VecDeque<Line>>,
}

/// A line of the log.
#[derive(Debug, Clone)]
pub struct Line {
    /// When.
    pub at: DateTime<Utc>,
    /// What happened.
    pub text: String,
}

/// What a room is made of.
pub struct NewRoom {
    /// Whoever makes it.
    pub visitor: Visitor,
    /// The template by the name that was asked for.
    pub template: String,
    /// Environment of everything in it.
    pub env: BTreeMap<String, String>,
    /// How long it is to live.
    pub timeout: Duration,
    /// Whether whoever uses it while it is paused lets it go on.
    pub resumes: bool,
    /// Whether it is paused when its time is over.
    pub pauses: bool,
    /// What was asked about the network.
    pub network: serde_json::Value,
    /// Whether its ports are for those alone who know a token.
    pub private: bool,
}

impl Room {
    /// With new secrets.
    pub fn new(new: NewRoom) -> Room {
        let secret = || format!("{:032x}{:032x}", random_bits(), random_bits());
        Room {
            visitor: new.visitor,
            template: new.template,
            env: new.env,
            timeout: new.timeout,
            resumes: new.resumes,
            pauses: new.pauses,
            network: Mutex::new(new.network),
            contexts: Contexts::default(),
            watchers: Watchers::default(),
            usage: Usage::default(),
            metadata: AtomicBool::new(false),
            access_token: secret(),
            traffic_token: new.private.then(secret),
            lines: Mutex::default(),
        }
    }

    /// A file in it was noted with something: from now on, files are asked for that.
    pub fn has_metadata(&self) {
        self.metadata.store(true, Ordering::Relaxed);
    }

    /// Whether any file in it may be noted with something.
    pub fn may_have_metadata(&self) -> bool {
        self.metadata.load(Ordering::Relaxed)
    }

    /// The secret that opens its files and processes.
    pub fn access_token(&self) -> &str {
        &self.access_token
    }

    /// The secret that opens its ports, where they are not for everybody.
    pub fn traffic_token(&self) -> Option<&str> {
        self.traffic_token.as_deref()
    }

    /// Whether this is the secret that opens its files and processes.
    pub fn knows_access(&self, given: &[u8]) -> bool {
        same(self.access_token.as_bytes(), given)
    }

    /// Whether its ports are open to whoever brings this.
    pub fn knows_traffic(&self, given: Option<&[u8]>) -> bool {
        match &self.traffic_token {
            None => true,
            Some(token) => given.is_some_and(|given| same(token.as_bytes(), given)),
        }
    }

    /// Writes a line of its log.
    pub fn log(&self, text: impl AsRef<str>) {
        let text = text.as_ref().chars().take(LINE_CHARS_MAX).collect();
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES_MAX {
            lines.pop_front();
        }
        lines.push_back(Line { at: Utc::now(), text });
    }

    /// The lines of its log, the oldest first.
    pub fn lines(&self) -> Vec<Line> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

fn same(secret: &[u8], given: &[u8]) -> bool {
    secret.len() == given.len() && bool::from(secret.ct_eq(given))
}
