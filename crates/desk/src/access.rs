//! What a key opens.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A part of what is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Sandboxes and everything in them.
    Execute,
    /// Questions to a model, which cost money.
    Answer,
    /// Reading the caller's own journal.
    Journal,
    /// Figures about the whole server.
    Metrics,
}

impl Scope {
    /// All there are.
    pub const ALL: [Scope; 4] = [Scope::Execute, Scope::Answer, Scope::Journal, Scope::Metrics];
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Scope::Execute => "execute",
            Scope::Answer => "answer",
            Scope::Journal => "journal",
            Scope::Metrics => "metrics",
        })
    }
}

impl FromStr for Scope {
    type Err = String;
    fn from_str(text: &str) -> Result<Scope, String> {
        let found = Scope::ALL.into_iter().find(|scope| scope.to_string() == text);
        found.ok_or_else(|| format!("{text:?} is no scope: expected execute, answer, journal or metrics"))
    }
}
