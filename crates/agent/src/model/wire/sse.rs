//! Server-sent events: bytes in, events out, wherever the bytes are split. As the WHATWG has it, without ids and
//! reconnection, which no model provider uses.

use super::Trouble;
use serde_json::Value;

/// Longest event in bytes.
pub const EVENT_BYTES_MAX: usize = 32 << 20;

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SseEvent {
    /// Its name; empty where the server gave none.
    pub event: String,
    /// Its data: the `data` lines, joined by newlines.
    pub data: String,
}

impl SseEvent {
    /// The JSON that its data is.
    ///
    /// # Errors
    /// [`Trouble`] where it is none.
    pub fn json(&self) -> Result<Value, Trouble> {
        let json = serde_json::from_str(&self.data);
        json.map_err(|error| Trouble::malformed(format!("an event is not JSON: {error}")))
    }
}

/// An event is longer than [`EVENT_BYTES_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

/// Reads events. What stays unfinished at the end of a stream is no event.
#[derive(Debug, Default)]
pub struct SseReader {
    line: Vec<u8>,
    after_cr: bool,
    begun: bool,
    event: SseEvent,
    has_data: bool,
}

impl SseReader {
    /// Takes more bytes; the events that they complete are added to `events`.
    ///
    /// # Errors
    /// [`TooLong`]; nothing more can be read then.
    pub fn push(&mut self, mut bytes: &[u8], events: &mut Vec<SseEvent>) -> Result<(), TooLong> {
        if self.after_cr && !bytes.is_empty() {
            self.after_cr = false;
            bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
        }
        while let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
            self.extend(&bytes[..end])?;
            self.end_line(events);
            let ended_by_cr = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            self.after_cr = ended_by_cr && bytes.is_empty();
            if ended_by_cr {
                bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
            }
        }
        self.extend(bytes)
    }

    fn extend(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        if self.line.len() + self.event.data.len() + bytes.len() > EVENT_BYTES_MAX {
            return Err(TooLong);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn end_line(&mut self, events: &mut Vec<SseEvent>) {
        let line = std::mem::take(&mut self.line);
        let mut line = line.as_slice();
        if !self.begun {
            self.begun = true;
            line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        }
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            if std::mem::take(&mut self.has_data) {
                events.push(event);
            }
            return;
        }
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let value = line.get(colon + 1..).unwrap_or_default();
        let value = String::from_utf8_lossy(value.strip_prefix(b" ").unwrap_or(value));
        match &line[..colon] {
            b"event" => self.event.event = value.into_owned(),
            b"data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(&value);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(pieces: &[&[u8]]) -> Vec<SseEvent> {
        let (mut reader, mut events) = (SseReader::default(), Vec::new());
        for piece in pieces {
            reader.push(piece, &mut events).unwrap();
        }
        events
    }

    fn event(event: &str, data: &str) -> SseEvent {
        SseEvent { event: event.into(), data: data.into() }
    }

    #[test]
    fn streams_are_read_as_the_standard_says() {
        let cases: &[(&str, Vec<SseEvent>)] = &[
            ("data: a\n\n", vec![event("", "a")]),
            ("data:a\r\rdata:  b\r\r", vec![event("", "a"), event("", " b")]),
            ("event: x\r\ndata: 1\r\ndata\r\ndata: 2\r\n\r\n", vec![event("x", "1\n\n2")]),
            ("\u{feff}data: bom\n\n", vec![event("", "bom")]),
            (": ping\n\n: ping\n\ndata: a\nid: 7\nretry: 5\nunknown\n\n", vec![event("", "a")]),
            ("event: no data\n\ndata: b\n\n", vec![event("", "b")]),
            ("data\n\n", vec![event("", "")]),
            ("data: unfinished\n", vec![]),
            ("data: {\"a\":\"x: y\"}\n\n", vec![event("", "{\"a\":\"x: y\"}")]),
        ];
        for (text, expected) in cases {
            assert_eq!(&read(&[text.as_bytes()]), expected, "{text:?}");
        }
    }

    #[test]
    fn an_event_without_end_is_given_up() {
        let (mut reader, mut events) = (SseReader::default(), Vec::new());
        let line = [b"data: ", vec![b'x'; (1 << 20) - 7].as_slice(), b"\n"].concat();
        let pushed = (0..40).position(|_| reader.push(&line, &mut events).is_err());
        assert_eq!((pushed, events), (Some(32), vec![]));
    }

    proptest! {
        #[test]
        fn where_bytes_are_split_does_not_matter(
            lines in prop::collection::vec("(data|event|:|x)?(: ?)?[aé€😀 :]{0,6}(\n|\r|\r\n|\n\n|\r\r|\r\n\r\n)", 0..20),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..30),
        ) {
            let bytes = lines.concat().into_bytes();
            let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            ends.push(bytes.len());
            ends.sort_unstable();
            let mut from = 0;
            let pieces: Vec<&[u8]> = ends.iter().map(|end| &bytes[std::mem::replace(&mut from, *end)..*end]).collect();
            prop_assert_eq!(read(&pieces), read(&[&bytes]));
        }
    }
}
