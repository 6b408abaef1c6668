//! A policy as data: what it forbids and what a finding does. Reading it is `read`'s part, applying it is the judge's.

mod names;
mod read;

pub use names::Names;
pub(crate) use names::covers;
pub use read::PolicyError;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The names of the policies that Belljar brings along.
pub const PRESETS: [&str; 3] = ["open", "standard", "strict"];

/// What something that a policy looks for does to the verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// The code does not run.
    Deny,
    /// The code runs, and it is told.
    Advise,
    /// Nothing is told.
    #[default]
    Ignore,
}

/// What code may do. Made by [`Policy::preset`] or [`Policy::from_toml`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Policy {
    #[serde(skip)]
    pub(crate) name: String,
    pub(crate) code_bytes_max: usize,
    pub(crate) forbidden: Effect,
    pub(crate) unresolved: Effect,
    pub(crate) syntax: Effect,
    pub(crate) unknown: Effect,
    pub(crate) shell: Effect,
    pub(crate) dunder: Effect,
    pub(crate) imports: Names,
    pub(crate) calls: Names,
    pub(crate) attributes: Names,
    pub(crate) commands: Names,
    pub(crate) writes: Writes,
    pub(crate) advice: BTreeMap<String, String>,
}

/// Where files may be opened for writing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Writes {
    /// Absolute paths; absent where any place will do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) folders: Option<Vec<String>>,
}

impl Policy {
    /// One of [`PRESETS`].
    pub fn preset(name: &str) -> Option<Policy> {
        let text = match name {
            "open" => include_str!("../../presets/open.toml"),
            "standard" => include_str!("../../presets/standard.toml"),
            "strict" => include_str!("../../presets/strict.toml"),
            _ => return None,
        };
        Some(read::onto(Policy::nothing(name), text).expect("a test reads every preset"))
    }

    /// A policy from a user's file: what it says on top of what it `extends` (`standard` unless it says otherwise).
    ///
    /// # Errors
    /// When the text is not TOML, has a key or a value that no policy has, or extends what does not exist.
    pub fn from_toml(name: &str, text: &str) -> Result<Policy, PolicyError> {
        read::read(name, text)
    }

    /// What it is called: a preset's name, or the one given to [`Policy::from_toml`].
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole policy as a file that [`Policy::from_toml`] reads back.
    pub fn to_toml(&self) -> String {
        let body = toml::to_string_pretty(self).expect("strings, numbers and lists");
        format!("extends = \"open\"\n{body}")
    }

    /// Whether there is anything, however it comes about, for which code does not run.
    pub(crate) fn denies_something(&self) -> bool {
        [self.forbidden, self.unresolved, self.syntax, self.unknown, self.shell, self.dunder]
            .contains(&Effect::Deny)
    }

    /// Forbids nothing and tells nothing.
    fn nothing(name: &str) -> Policy {
        Policy {
            name: name.to_owned(),
            code_bytes_max: 16 << 20,
            forbidden: Effect::Ignore,
            unresolved: Effect::Ignore,
            syntax: Effect::Ignore,
            unknown: Effect::Ignore,
            shell: Effect::Ignore,
            dunder: Effect::Ignore,
            imports: Names::default(),
            calls: Names::default(),
            attributes: Names::default(),
            commands: Names::default(),
            writes: Writes::default(),
            advice: BTreeMap::new(),
        }
    }
}

impl Default for Policy {
    fn default() -> Policy {
        Policy::preset("standard").expect("it is one of the presets")
    }
}
