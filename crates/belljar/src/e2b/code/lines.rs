//! Lines of JSON in plain ASCII: clients decode pieces of the stream one by one, and split lines where Unicode would.

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter};
use std::io;

/// One line.
pub fn line(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, Ascii(CompactFormatter));
    // A value that has no JSON has no line; none of ours is so.
    if value.serialize(&mut serializer).is_err() {
        bytes.clear();
    }
    bytes.push(b'\n');
    bytes
}

/// Writes all beyond ASCII as `\uXXXX`.
struct Ascii(CompactFormatter);

impl Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(|letter: char| !letter.is_ascii() || letter == '\x7f') {
            writer.write_all(&rest.as_bytes()[..at])?;
            let Some(letter) = rest[at..].chars().next() else { break };
            for unit in letter.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = &rest[at + letter.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn lines_are_ascii_and_say_the_same() {
        for text in ["plain", "größe \u{2028} \u{85} 😀 \u{7f} \n \" \\", ""] {
            let value = serde_json::json!({"text": text, text: [1, 2]});
            let line = line(&value);
            assert!(line.is_ascii() && line.iter().filter(|byte| **byte == b'\n').count() == 1);
            assert_eq!(serde_json::from_slice::<serde_json::Value>(&line).unwrap(), value);
        }
    }
}
