//! Results in the fields that clients know, and errors.

use protocol::{Bundle, OutcomeError};
use serde_json::{Map, Value, json};

/// MIME types and the fields that they become.
const FIELDS: [(&str, &str); 12] = [
    ("text/plain", "text"),
    ("text/html", "html"),
    ("text/markdown", "markdown"),
    ("image/svg+xml", "svg"),
    ("image/png", "png"),
    ("image/jpeg", "jpeg"),
    ("application/pdf", "pdf"),
    ("text/latex", "latex"),
    ("application/json", "json"),
    ("application/javascript", "javascript"),
    ("application/vnd.belljar.table+json", "data"),
    ("application/vnd.belljar.chart+json", "chart"),
];

/// A result as an event.
pub fn result(bundle: &Bundle) -> Value {
    let mut event = Map::from_iter([("type".to_owned(), json!("result"))]);
    let mut extra = Map::new();
    for (mime, value) in &bundle.data {
        match FIELDS.iter().find(|(known, _)| known == mime) {
            Some((_, "text")) => {
                drop(event.insert("text".to_owned(), json!(unquoted(value.as_str().unwrap_or_default()))))
            }
            Some((_, field)) => drop(event.insert((*field).to_owned(), value.clone())),
            None => drop(extra.insert(mime.clone(), value.clone())),
        }
    }
    event.insert("extra".to_owned(), Value::Object(extra));
    event.insert("is_main_result".to_owned(), json!(bundle.main));
    Value::Object(event)
}

/// The text of a string is shown without the quotes around it.
fn unquoted(text: &str) -> &str {
    let inner = |quote| text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
    inner('\'').or_else(|| inner('"')).unwrap_or(text)
}

/// An error as an event.
pub fn error(error: &OutcomeError) -> Value {
    let mut traceback = error.traceback.join("\n");
    if traceback.is_empty() {
        traceback = format!("{}: {}", error.name, error.message);
    }
    if let Some(hint) = &error.hint {
        traceback = format!("{traceback}\n{hint}");
    }
    json!({"type": "error", "name": error.name, "value": error.message, "traceback": traceback})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundles_become_fields() {
        let data = json!({
            "text/plain": "'quoted'", "image/png": "aGk=", "application/json": {"a": 1}, "application/x-own": "x",
        });
        let bundle = Bundle { main: true, data: serde_json::from_value(data).unwrap() };
        let expected = json!({
            "type": "result", "text": "quoted", "png": "aGk=", "json": {"a": 1}, "extra": {"application/x-own": "x"},
            "is_main_result": true,
        });
        assert_eq!(result(&bundle), expected);
    }

    #[test]
    fn one_pair_of_quotes_goes() {
        for (text, shown) in
            [("'a'", "a"), ("\"a\"", "a"), ("'a\"", "'a\""), ("'", "'"), ("''", ""), ("[1]", "[1]"), ("", "")]
        {
            assert_eq!(unquoted(text), shown);
        }
    }
}
