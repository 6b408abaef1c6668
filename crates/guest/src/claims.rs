//! What comes from a driver: bytes in, claims out. Everything here may be forged by user code.
//!
//! Lengths are checked before anything is kept, and a payload that nobody has room for is skipped as it comes.

use protocol::driver::FromDriver;
use protocol::frame::{HEADER_BYTES_MAX, PAYLOAD_BYTES_MAX};

/// Length of the two length fields.
const PREFIX: usize = 8;

/// A frame that no honest driver sends.
#[derive(Debug, PartialEq, Eq)]
pub struct Broken;

/// How much payload a header may bring.
#[derive(Debug, PartialEq, Eq)]
pub enum Room {
    /// None at all; any breaks the protocol.
    Nothing,
    /// This many bytes; a longer one is skipped.
    UpTo(usize),
}

/// A whole frame.
#[derive(Debug, PartialEq)]
pub struct Claim {
    /// What it says.
    pub header: FromDriver,
    /// Its payload; `None` when there was no room for it.
    pub payload: Option<Vec<u8>>,
}

struct Body {
    header: FromDriver,
    kept: Option<Vec<u8>>,
    left: usize,
}

/// Collects bytes of one driver.
#[derive(Default)]
pub struct Claims {
    bytes: Vec<u8>,
    taken: usize,
    body: Option<Body>,
}

impl Claims {
    /// Adds bytes that were read. All claims must be taken before more are added.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole claim, or `None` until more bytes come. `room` says how much payload a header may bring.
    pub fn next(&mut self, room: impl FnOnce(&FromDriver) -> Room) -> Result<Option<Claim>, Broken> {
        if self.body.is_none() {
            self.body = self.begin(room)?;
        }
        let Some(body) = &mut self.body else {
            return Ok(None);
        };
        let rest = &self.bytes[self.taken..];
        let part = &rest[..rest.len().min(body.left)];
        if let Some(kept) = &mut body.kept {
            kept.extend_from_slice(part);
        }
        self.taken += part.len();
        body.left -= part.len();
        if body.left > 0 {
            return Ok(None);
        }
        Ok(self.body.take().map(|body| Claim { header: body.header, payload: body.kept }))
    }

    fn begin(&mut self, room: impl FnOnce(&FromDriver) -> Room) -> Result<Option<Body>, Broken> {
        let rest = &self.bytes[self.taken..];
        let (Some(header), Some(payload)) = (length(rest, 0), length(rest, 4)) else {
            return Ok(None);
        };
        if header > HEADER_BYTES_MAX || payload > PAYLOAD_BYTES_MAX {
            return Err(Broken);
        }
        let Some(json) = rest.get(PREFIX..PREFIX + header) else {
            return Ok(None);
        };
        let parsed: FromDriver = serde_json::from_slice(json).map_err(|_| Broken)?;
        self.taken += PREFIX + header;
        let kept = match room(&parsed) {
            Room::Nothing if payload > 0 => return Err(Broken),
            Room::Nothing => Some(Vec::new()),
            // Not reserved: an announced length is no reason to take memory.
            Room::UpTo(most) => (payload <= most).then(Vec::new),
        };
        Ok(Some(Body { header: parsed, kept, left: payload }))
    }
}

fn length(bytes: &[u8], at: usize) -> Option<usize> {
    let four: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(u32::from_le_bytes(four) as usize)
}

/// True for a JSON object whose values are all strings, as a bundle's payload must be. No memory, no recursion.
pub fn is_object_of_strings(payload: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(payload) else {
        return false;
    };
    let mut rest = text.as_bytes();
    if !symbol(&mut rest, b'{') {
        return false;
    }
    if symbol(&mut rest, b'}') {
        return at_end(rest);
    }
    loop {
        if !(string(&mut rest) && symbol(&mut rest, b':') && string(&mut rest)) {
            return false;
        }
        if symbol(&mut rest, b'}') {
            return at_end(rest);
        }
        if !symbol(&mut rest, b',') {
            return false;
        }
    }
}

fn at_end(mut rest: &[u8]) -> bool {
    blanks(&mut rest);
    rest.is_empty()
}

fn blanks(rest: &mut &[u8]) {
    while let [b' ' | b'\t' | b'\n' | b'\r', tail @ ..] = rest {
        *rest = tail;
    }
}

fn symbol(rest: &mut &[u8], wanted: u8) -> bool {
    blanks(rest);
    match rest {
        [first, tail @ ..] if *first == wanted => {
            *rest = tail;
            true
        }
        _ => false,
    }
}

fn string(rest: &mut &[u8]) -> bool {
    if !symbol(rest, b'"') {
        return false;
    }
    let mut high = false;
    loop {
        let unit = match rest {
            [b'"', tail @ ..] => {
                *rest = tail;
                return !high;
            }
            [b'\\', b'u', a, b, c, d, tail @ ..] => {
                *rest = tail;
                let Some(unit) = four_digits([*a, *b, *c, *d]) else {
                    return false;
                };
                unit
            }
            [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', tail @ ..] => {
                *rest = tail;
                0
            }
            [0x20..=0x5b | 0x5d.., tail @ ..] => {
                *rest = tail;
                0
            }
            _ => return false,
        };
        // Halves of a surrogate pair come together or not at all.
        let low = (0xDC00..0xE000).contains(&unit);
        if low != high {
            return false;
        }
        high = (0xD800..0xDC00).contains(&unit);
    }
}

fn four_digits(digits: [u8; 4]) -> Option<u32> {
    digits.iter().try_fold(0, |unit, digit| Some(unit * 16 + char::from(*digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::frame::encode;

    #[test]
    fn only_objects_of_strings_are_bundles() {
        for good in ["{}", " { } ", r#"{"a":"b"}"#, r#"{"a" : "\u00e9\ud83d\ude00\"\\" , "b":"ü"}"#] {
            assert!(is_object_of_strings(good.as_bytes()), "{good}");
            assert!(serde_json::from_str::<std::collections::BTreeMap<String, String>>(good).is_ok());
        }
        let nest = format!("{{\"a\":{}", "[".repeat(1 << 20));
        for bad in [
            "",
            "[]",
            "\"x\"",
            "{",
            r#"{"a"}"#,
            r#"{"a":1}"#,
            r#"{"a":null}"#,
            r#"{"a":{}}"#,
            r#"{"a":"b",}"#,
            r#"{"a":"b"}x"#,
            r#"{"a":"\x"}"#,
            r#"{"a":"\u12"}"#,
            r#"{"a":"\ud800"}"#,
            r#"{"a":"\udc00"}"#,
            "{\"a\":\"\n\"}",
            &nest,
        ] {
            assert!(!is_object_of_strings(bad.as_bytes()));
            assert!(serde_json::from_str::<std::collections::BTreeMap<String, String>>(bad).is_err());
        }
        assert!(!is_object_of_strings(b"{\"a\":\"\xff\"}"));
    }

    #[test]
    fn claims_survive_any_split_and_skip_what_has_no_room() {
        let hello = FromDriver::Hello { pid: 7, walls: vec![] };
        let raised = FromDriver::Error { execution: protocol::ExecutionId::from_bits(1) };
        let mut bytes = Vec::new();
        encode(&hello, b"", &mut bytes).unwrap();
        encode(&raised, &[b'x'; 3000], &mut bytes).unwrap();
        encode(&raised, b"small", &mut bytes).unwrap();
        for step in [1, 7, 1000, bytes.len()] {
            let (mut claims, mut seen) = (Claims::default(), Vec::new());
            for part in bytes.chunks(step) {
                claims.push(part);
                let room = |header: &FromDriver| match header {
                    FromDriver::Hello { .. } => Room::Nothing,
                    _ => Room::UpTo(100),
                };
                while let Some(claim) = claims.next(room).unwrap() {
                    seen.push(claim);
                }
            }
            let expected = [
                Claim { header: hello.clone(), payload: Some(vec![]) },
                Claim { header: raised.clone(), payload: None },
                Claim { header: raised.clone(), payload: Some(b"small".to_vec()) },
            ];
            assert_eq!(seen, expected);
        }
    }

    #[test]
    fn lies_are_noticed() {
        let mut long = vec![0, 0, 2, 0];
        long.extend([0; 4]);
        let mut nest = Vec::from((60_000u32).to_le_bytes());
        nest.extend([0; 4]);
        nest.extend([b'['; 60_000]);
        let mut unknown = Vec::new();
        encode(&serde_json::json!({"t": "sudo"}), b"", &mut unknown).unwrap();
        let mut loaded = Vec::new();
        encode(&FromDriver::Hello { pid: 1, walls: vec![] }, b"x", &mut loaded).unwrap();
        for lie in [long, nest, unknown, loaded] {
            let mut claims = Claims::default();
            claims.push(&lie);
            assert_eq!(claims.next(|_| Room::Nothing), Err(Broken));
        }
    }
}
