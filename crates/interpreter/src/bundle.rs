//! A driver's result as a `Bundle`: what it claims is data is checked for size, count and nesting before it is kept.

use protocol::Bundle;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::Value;
use std::{collections::BTreeMap, fmt};

/// MIME types in one bundle.
const TYPES_MAX: usize = 64;
/// Length of a MIME type in bytes.
const TYPE_BYTES_MAX: usize = 255;
/// Memory that parsed JSON of one execution may take, in bytes; more stays text.
const JSON_MEMORY: usize = 64 << 20;

/// Reads bundles of one execution.
#[derive(Debug)]
pub(crate) struct Reader {
    json_memory_left: usize,
}

impl Default for Reader {
    fn default() -> Reader {
        Reader { json_memory_left: JSON_MEMORY }
    }
}

impl Reader {
    /// The bundle in a payload, or `None` where it is not one.
    pub fn read(&mut self, main: bool, payload: &[u8]) -> Option<Bundle> {
        let mut source = serde_json::Deserializer::from_slice(payload);
        let texts = source.deserialize_map(Texts).ok()?;
        source.end().ok()?;
        let data = texts.into_iter().map(|(mime, text)| {
            let value = if is_json(&mime) { self.json(text) } else { Value::String(text) };
            (mime, value)
        });
        Some(Bundle { main, data: data.collect() })
    }

    fn json(&mut self, text: String) -> Value {
        let Some(left) = self.json_memory_left.checked_sub(memory(&text)) else {
            return Value::String(text);
        };
        match serde_json::from_str(&text) {
            Ok(value) => {
                self.json_memory_left = left;
                value
            }
            Err(_) => Value::String(text),
        }
    }
}

/// Memory that JSON can take once it is parsed: a map costs about 700 bytes even for one entry, a value 32.
fn memory(text: &str) -> usize {
    let per_byte = |byte: u8| match byte {
        b'{' => 700,
        b'[' | b',' | b':' => 64,
        _ => 1,
    };
    text.bytes().map(per_byte).sum()
}

fn is_json(mime: &str) -> bool {
    let essence = mime.split(';').next().unwrap_or_default().trim();
    essence == "application/json" || essence.ends_with("+json")
}

struct Texts;

impl<'de> Visitor<'de> for Texts {
    type Value = BTreeMap<String, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of MIME types and texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut texts = BTreeMap::new();
        while let Some((mime, text)) = map.next_entry::<String, String>()? {
            let named = !mime.is_empty() && mime.len() <= TYPE_BYTES_MAX;
            if !named || !mime.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
                return Err(A::Error::custom("a MIME type is short and printable"));
            }
            texts.insert(mime, text);
            if texts.len() > TYPES_MAX {
                return Err(A::Error::custom("too many MIME types"));
            }
        }
        Ok(texts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(payload: &str) -> Option<BTreeMap<String, Value>> {
        Reader::default().read(true, payload.as_bytes()).map(|bundle| bundle.data)
    }

    #[test]
    fn json_types_are_parsed_and_others_are_text() {
        let payload =
            json!({"text/plain": "[1]", "application/json": "[1]", "application/vnd.x+json": "{\"a\":2}"});
        let data = read(&payload.to_string()).unwrap();
        assert_eq!(data["text/plain"], json!("[1]"));
        assert_eq!(data["application/json"], json!([1]));
        assert_eq!(data["application/vnd.x+json"], json!({"a": 2}));
    }

    #[test]
    fn json_that_is_too_deep_or_too_large_stays_text() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let large = format!("[{}0]", "{},".repeat(200_000));
        for text in [deep, large, "{".to_owned()] {
            let data = read(&json!({"application/json": text}).to_string()).unwrap();
            assert_eq!(data["application/json"], Value::String(text));
        }
    }

    #[test]
    fn what_is_no_bundle_is_refused() {
        let many: BTreeMap<String, &str> = (0..100).map(|n| (format!("a/{n}"), "")).collect();
        let many = serde_json::to_string(&many).unwrap();
        let long = json!({"a".repeat(300): ""}).to_string();
        for payload in ["", "[]", "{\"a\":1}", "{\"\":\"\"}", "{\"a\\n\":\"\"}", "{} {}", "{", &many, &long] {
            assert_eq!(read(payload), None, "{payload}");
        }
    }
}
