//! The frame codec: `u32 header length | u32 payload length | header (JSON) | payload (bytes)`, little endian.
//!
//! Bytes in, frames out; reading and writing them is the caller's. Everything from a sandbox is hostile:
//! lengths are checked before anything is kept.

use serde::{Serialize, de::DeserializeOwned};

/// Longest header, in bytes.
pub const HEADER_BYTES_MAX: usize = 64 << 10;
/// Longest payload, in bytes.
pub const PAYLOAD_BYTES_MAX: usize = 32 << 20;
const PREFIX: usize = 8;

/// One message: a header that says what it is, and bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame<H> {
    /// What it is.
    pub header: H,
    /// Bytes that belong to it.
    pub payload: Vec<u8>,
}

/// Why bytes are not a frame.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// A length beyond the limits.
    #[error(
        "read a frame of {header} + {payload} bytes: at most {HEADER_BYTES_MAX} + {PAYLOAD_BYTES_MAX} are allowed"
    )]
    TooLong {
        /// Announced header length.
        header: usize,
        /// Announced payload length.
        payload: usize,
    },
    /// A header that is not one of the messages of this direction.
    #[error("read a frame's header: {0}")]
    Header(#[from] serde_json::Error),
}

/// Appends a frame to `out`. Fails when header or payload are longer than the limits.
pub fn encode<H: Serialize>(header: &H, payload: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
    let header = serde_json::to_vec(header)?;
    if header.len() > HEADER_BYTES_MAX || payload.len() > PAYLOAD_BYTES_MAX {
        return Err(FrameError::TooLong { header: header.len(), payload: payload.len() });
    }
    out.reserve(PREFIX + header.len() + payload.len());
    out.extend_from_slice(&(header.len() as u32).to_le_bytes());
    out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    out.extend_from_slice(&header);
    out.extend_from_slice(payload);
    Ok(())
}

/// Collects bytes and gives back whole frames.
#[derive(Debug, Default)]
pub struct Decoder {
    bytes: Vec<u8>,
    taken: usize,
}

impl Decoder {
    /// Adds bytes that were read.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.taken > 0 && self.taken == self.bytes.len() {
            self.bytes.clear();
            self.taken = 0;
        } else if self.taken > 1 << 20 {
            self.bytes.drain(..self.taken);
            self.taken = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole frame, or `None` until more bytes come. After an error the stream is of no use any more.
    #[allow(clippy::should_implement_trait)]
    pub fn next<H: DeserializeOwned>(&mut self) -> Result<Option<Frame<H>>, FrameError> {
        let rest = &self.bytes[self.taken..];
        let (Some(header), Some(payload)) = (length(rest, 0), length(rest, 4)) else {
            return Ok(None);
        };
        if header > HEADER_BYTES_MAX || payload > PAYLOAD_BYTES_MAX {
            return Err(FrameError::TooLong { header, payload });
        }
        let Some(body) = rest.get(PREFIX..PREFIX + header + payload) else {
            return Ok(None);
        };
        let frame =
            Frame { header: serde_json::from_slice(&body[..header])?, payload: body[header..].to_vec() };
        self.taken += PREFIX + header + payload;
        Ok(Some(frame))
    }

    /// Bytes of a frame that is not whole yet.
    pub fn pending(&self) -> usize {
        self.bytes.len() - self.taken
    }
}

fn length(bytes: &[u8], at: usize) -> Option<usize> {
    let four: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(u32::from_le_bytes(four) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn frames_survive_any_split() {
        let mut bytes = Vec::new();
        for n in 0..5 {
            encode(&json!({"t": "x", "n": n}), &vec![n as u8; n * 1000], &mut bytes).unwrap();
        }
        for step in [1, 3, 7, 1000, bytes.len()] {
            let mut decoder = Decoder::default();
            let mut seen = 0;
            for part in bytes.chunks(step) {
                decoder.push(part);
                while let Some(frame) = decoder.next::<Value>().unwrap() {
                    assert_eq!(frame.header["n"], seen);
                    assert_eq!(frame.payload, vec![seen as u8; seen * 1000]);
                    seen += 1;
                }
            }
            assert_eq!((seen, decoder.pending()), (5, 0));
        }
    }

    #[test]
    fn announced_lengths_are_checked_before_anything_is_kept() {
        let mut decoder = Decoder::default();
        decoder.push(&u32::MAX.to_le_bytes());
        decoder.push(&[0; 4]);
        assert!(matches!(decoder.next::<Value>(), Err(FrameError::TooLong { .. })));
        let mut decoder = Decoder::default();
        decoder.push(&[2, 0, 0, 0, 0, 0, 0, 0, b'{', b'x']);
        assert!(matches!(decoder.next::<Value>(), Err(FrameError::Header(_))));
        let nest = "[".repeat(10_000);
        let mut decoder = Decoder::default();
        decoder.push(&(nest.len() as u32).to_le_bytes());
        decoder.push(&[0; 4]);
        decoder.push(nest.as_bytes());
        assert!(matches!(decoder.next::<Value>(), Err(FrameError::Header(_))));
    }
}
