//! How much of one execution is kept: all of it, up to a size; then the largest results give way to a note.

use protocol::{Bundle, Outcome};
use serde_json::Value;
use std::borrow::Cow;

/// Longest JSON of an outcome that is kept whole, in bytes.
pub const OUTCOME_BYTES_MAX: usize = 8 << 20;

/// The outcome as JSON of `bytes_max` at most, unless what cannot be left out is longer.
pub fn json(outcome: &Outcome, bytes_max: usize) -> Result<String, serde_json::Error> {
    let whole = serde_json::to_string(outcome)?;
    if whole.len() <= bytes_max {
        return Ok(whole);
    }
    let mut less = outcome.clone();
    let mut excess = whole.len() - bytes_max;
    while excess > 0
        && let Some(bytes) = leave_out_largest(&mut less.results)
    {
        excess = excess.saturating_sub(bytes);
    }
    for (text, left_out) in [
        (&mut less.stdout, &mut less.truncated.stdout_bytes),
        (&mut less.stderr, &mut less.truncated.stderr_bytes),
    ] {
        let bytes = cut(text, excess);
        *left_out += bytes;
        excess = excess.saturating_sub(bytes as usize);
    }
    serde_json::to_string(&less)
}

/// Replaces the largest value of all bundles by a note; gives back how many bytes that saves.
fn leave_out_largest(bundles: &mut [Bundle]) -> Option<usize> {
    let sizes = bundles.iter().enumerate().flat_map(|(index, bundle)| {
        bundle.data.iter().map(move |(mime, value)| (size(value), index, mime.clone()))
    });
    let (bytes, index, mime) = sizes.max_by_key(|(bytes, _, _)| *bytes)?;
    let note = format!("[{mime}, {bytes} bytes: too large for the journal]");
    let saved = bytes.checked_sub(2 * note.len()).filter(|saved| *saved > 0)?;
    let values = &mut bundles[index].data;
    values.remove(&mime);
    match values.get_mut("text/plain") {
        Some(Value::String(text)) => *text = format!("{text}\n{note}"),
        _ => drop(values.insert("text/plain".to_owned(), Value::String(note))),
    }
    Some(saved)
}

fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => Cow::Borrowed(text.as_str()),
        other => Cow::Owned(other.to_string()),
    }
    .len()
}

/// Takes `excess` bytes out of the middle; gives back how many that were.
fn cut(text: &mut String, excess: usize) -> u64 {
    let bytes = excess.min(text.len());
    if bytes == 0 {
        return 0;
    }
    let from = text.floor_char_boundary((text.len() - bytes) / 2);
    let to = text.ceil_char_boundary(from + bytes);
    text.replace_range(from..to, "");
    (to - from) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn outcome(stdout: usize, results: Value) -> Outcome {
        serde_json::from_value(json!({
            "id": "exe_000000000000000000000000000000ab", "language": "python", "status": "ok", "exit_code": 0,
            "stdout": "ü".repeat(stdout / 2), "stderr": "", "results": results, "files": [],
            "truncated": {"stdout_bytes": 5, "stderr_bytes": 0}, "findings": [], "context_alive": true,
            "usage": {"wall_ms": 1.0, "cpu_ms": 1.0, "memory_peak_bytes": 1},
        }))
        .unwrap()
    }

    fn read(text: &str) -> Outcome {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn what_fits_is_whole() {
        let given = outcome(100, json!([{"main": true, "data": {"image/png": "A".repeat(500)}}]));
        let whole = serde_json::to_string(&given).unwrap();
        assert_eq!(json(&given, whole.len()).unwrap(), whole);
        assert_ne!(json(&given, whole.len() - 1).unwrap(), whole);
    }

    #[test]
    fn the_largest_result_gives_way_first() {
        let results = json!([
            {"main": false, "data": {"image/png": "A".repeat(5000), "text/plain": "<Figure>"}},
            {"main": true, "data": {"image/png": "B".repeat(3000)}},
        ]);
        let kept = read(&json(&outcome(100, results), 5000).unwrap());
        let first = &kept.results[0].data;
        assert_eq!(first["text/plain"], "<Figure>\n[image/png, 5000 bytes: too large for the journal]");
        assert!(!first.contains_key("image/png") && kept.results[1].data.contains_key("image/png"));
    }

    #[test]
    fn streams_are_cut_last_and_say_so() {
        let text =
            json(&outcome(20_000, json!([{"main": true, "data": {"text/plain": "42"}}])), 5000).unwrap();
        assert!(text.len() <= 5000 + 8, "{}", text.len());
        let kept = read(&text);
        assert_eq!(kept.truncated.stdout_bytes - 5 + kept.stdout.len() as u64, 20_000);
        assert_eq!(kept.results[0].data["text/plain"], "42");
    }
}
