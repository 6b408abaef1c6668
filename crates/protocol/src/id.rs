//! Ids of sandboxes, contexts, checkpoints, executions and answers: a prefix and 128 bits in hexadecimal.
//!
//! The bits come from the caller; this file only formats and checks them.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A text that is not a valid id.
#[derive(Debug, thiserror::Error)]
#[error("read {text:?} as an id: expected {prefix} and 32 hexadecimal digits")]
pub struct IdError {
    /// What was given (at most its first 64 characters).
    pub text: String,
    /// The prefix that this kind of id has.
    pub prefix: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String))]
        pub struct $name(String);

        impl $name {
            /// What every id of this kind begins with.
            pub const PREFIX: &'static str = $prefix;

            /// Makes an id of 128 bits, which should be random.
            pub fn from_bits(bits: u128) -> Self {
                Self(format!("{}{bits:032x}", $prefix))
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                let digits = text.strip_prefix($prefix).unwrap_or("");
                let plain = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
                if digits.len() == 32 && digits.bytes().all(plain) {
                    return Ok(Self(text));
                }
                Err(IdError { text: text.chars().take(64).collect(), prefix: $prefix })
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// A walled computer: `sbx_…`.
    SandboxId,
    "sbx_"
);
id!(
    /// A live interpreter in a sandbox: `ctx_…`.
    ContextId,
    "ctx_"
);
id!(
    /// A state of a context to go back to: `chk_…`.
    CheckpointId,
    "chk_"
);
id!(
    /// One run of code or of a command: `exe_…`.
    ExecutionId,
    "exe_"
);
id!(
    /// What a person asked, and everything until its answer: `ans_…`.
    AnswerId,
    "ans_"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_keep_their_form() {
        let id = ExecutionId::from_bits(0xab);
        assert_eq!(id.as_str(), "exe_000000000000000000000000000000ab");
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(serde_json::from_str::<ExecutionId>(&json).unwrap(), id);
        for bad in [
            "\"exe_\"",
            "\"sbx_000000000000000000000000000000ab\"",
            "\"exe_000000000000000000000000000000AB\"",
            "\"../x\"",
        ] {
            assert!(serde_json::from_str::<ExecutionId>(bad).is_err(), "{bad}");
        }
    }
}
