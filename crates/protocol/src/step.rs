//! One raw system call as data: how a process enters a sandbox, written once and carried out by whoever enters.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One line of an enter program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Step {
    /// A system call that must succeed.
    Call(Call),
    /// Close every descriptor but 0, 1, 2 and these.
    Keep {
        /// What it is for.
        name: String,
        /// Names of descriptors.
        keep: Vec<String>,
    },
}

/// A system call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// What it is for, in words.
    pub name: String,
    /// The call's number on this architecture.
    pub nr: i64,
    /// Its arguments.
    #[serde(default)]
    pub args: Vec<Arg>,
    /// Error numbers that do not matter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ok: Vec<i32>,
}

/// An argument of a system call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Arg {
    /// A number.
    Number(i64),
    /// A descriptor by its name.
    Fd {
        /// The name.
        fd: String,
    },
    /// A pointer to a buffer that holds these bytes.
    Bytes {
        /// The buffer.
        bytes: Blob,
    },
    /// A pointer to a `struct sock_fprog` over these BPF instructions of 8 bytes each.
    Program {
        /// The instructions.
        program: Blob,
    },
}

impl Arg {
    /// A descriptor by its name.
    pub fn fd(name: &str) -> Arg {
        Arg::Fd { fd: name.to_owned() }
    }

    /// A pointer to a buffer.
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Arg {
        Arg::Bytes { bytes: Blob(bytes.into()) }
    }
}

/// Bytes that are base64 in JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob(pub Vec<u8>);

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Blob).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn steps_read_like_their_json() {
        let call = Call {
            name: "join".into(),
            nr: 1,
            args: vec![Arg::fd("join0"), Arg::bytes("0"), Arg::Number(-1)],
            ok: vec![],
        };
        let json = serde_json::to_value(Step::Call(call.clone())).unwrap();
        assert_eq!(json, json!({"name": "join", "nr": 1, "args": [{"fd": "join0"}, {"bytes": "MA=="}, -1]}));
        assert_eq!(serde_json::from_value::<Step>(json).unwrap(), Step::Call(call));
    }
}
