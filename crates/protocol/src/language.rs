//! The languages that a context can speak.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A language for which there is a driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// CPython with IPython, cells as in a notebook.
    #[default]
    Python,
    /// Bash: state, working directory and exports are kept.
    Bash,
    /// JavaScript on Node.js.
    Javascript,
    /// TypeScript on Node.js: types are taken out, not checked.
    Typescript,
    /// R, expression by expression as at its prompt.
    R,
}

/// A language that Belljar has no driver for.
#[derive(Debug, thiserror::Error)]
#[error("speak {0:?}: known languages are python, bash, javascript, typescript, r")]
pub struct UnknownLanguage(pub String);

impl Language {
    /// Whether Node.js runs it.
    pub fn is_on_node(self) -> bool {
        matches!(self, Language::Javascript | Language::Typescript)
    }

    /// The name in lower case, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Language::Python => "python",
            Language::Bash => "bash",
            Language::Javascript => "javascript",
            Language::Typescript => "typescript",
            Language::R => "r",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Language {
    type Err = UnknownLanguage;
    fn from_str(text: &str) -> Result<Self, UnknownLanguage> {
        match text {
            "python" | "py" => Ok(Language::Python),
            "bash" | "sh" => Ok(Language::Bash),
            "javascript" | "js" => Ok(Language::Javascript),
            "typescript" | "ts" => Ok(Language::Typescript),
            "r" | "R" => Ok(Language::R),
            other => Err(UnknownLanguage(other.to_owned())),
        }
    }
}
