//! Pictures of results for models that can look at them: real ones only, not too large, not too many.

use crate::model::Part;
use base64::{Engine, engine::general_purpose::STANDARD};
use protocol::Bundle;
use std::fmt::Write;

/// Bytes of one picture in base64: what providers accept.
const BASE64_BYTES_MAX: usize = 5 << 20;
/// Pixels of a side: what providers accept.
const SIDE_MAX: u32 = 8_000;
const PICTURES_MAX: usize = 4;
const KINDS: [(&str, &[u8]); 2] = [("image/png", b"\x89PNG\r\n\x1a\n"), ("image/jpeg", b"\xff\xd8\xff")];

/// True where a result is a picture, whatever else it is.
pub(super) fn is_picture(bundle: &Bundle) -> bool {
    bundle.data.keys().any(|mime| mime.starts_with("image/"))
}

/// What to say of the pictures among results, and those that go to a model that reads them.
pub(super) fn of(bundles: &[Bundle], reads: bool) -> (String, Vec<Part>) {
    let shown = bundles.iter().filter(|bundle| is_picture(bundle)).count();
    let mut note = String::new();
    match shown {
        0 => return (note, Vec::new()),
        1 => note.push_str("an image was shown to the user\n"),
        count => {
            let _ = writeln!(note, "{count} images were shown to the user");
        }
    }
    if !reads {
        return (note, Vec::new());
    }
    let mut fit: Vec<(&str, &str)> = bundles.iter().filter_map(readable).collect();
    while fit.len() > PICTURES_MAX {
        let largest = (0..fit.len()).max_by_key(|&at| fit[at].1.len()).unwrap_or(0);
        fit.remove(largest);
    }
    if fit.len() < shown {
        let _ = writeln!(note, "{} of them follow; the rest is too large or too many for you", fit.len());
    }
    let part =
        |(mime, base64): (&str, &str)| Part::Image { mime: mime.to_owned(), base64: base64.to_owned() };
    (note, fit.into_iter().map(part).collect())
}

/// The picture of a result as a model may get it. What a sandbox calls a picture need not be one.
fn readable(bundle: &Bundle) -> Option<(&'static str, &str)> {
    KINDS.iter().find_map(|(mime, magic)| {
        let base64 = bundle.data.get(*mime)?.as_str()?;
        let fits = base64.len() <= BASE64_BYTES_MAX;
        let bytes = STANDARD.decode(base64).ok().filter(|_| fits)?;
        (bytes.starts_with(magic) && sides(&bytes).is_none_or(|side| side <= SIDE_MAX))
            .then_some((*mime, base64))
    })
}

/// The longer side of a PNG in pixels.
fn sides(bytes: &[u8]) -> Option<u32> {
    let side = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    if !bytes.starts_with(KINDS[0].1) {
        return None;
    }
    Some(side(16)?.max(side(20)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn picture(bytes: &[u8], side: u32) -> Bundle {
        let head = [KINDS[0].1, &[0; 8], &side.to_be_bytes(), &1u32.to_be_bytes(), bytes].concat();
        bundle("image/png", &STANDARD.encode(head))
    }

    fn bundle(mime: &str, text: &str) -> Bundle {
        Bundle { main: true, data: [(mime.to_owned(), json!(text))].into() }
    }

    #[test]
    fn models_get_pictures_that_they_can_read() {
        let small = picture(b"x", 10);
        let large = picture(&vec![0; BASE64_BYTES_MAX], 10);
        let bulky = picture(&[0; 900], 10);
        let cases: [(&str, Vec<Bundle>, bool, usize); 9] = [
            ("none", vec![bundle("text/plain", "x")], true, 0),
            ("one", vec![small.clone()], true, 1),
            ("not for this model", vec![small.clone()], false, 0),
            ("too large", vec![large, small.clone()], true, 1),
            ("too wide", vec![picture(b"", SIDE_MAX + 1), picture(b"", SIDE_MAX)], true, 1),
            ("too many", vec![small.clone(), bulky, small.clone(), small.clone(), small.clone()], true, 4),
            ("not base64", vec![bundle("image/png", "%")], true, 0),
            ("not a picture", vec![bundle("image/png", &STANDARD.encode("GIF"))], true, 0),
            ("not of a kind", vec![bundle("image/svg+xml", "<svg/>")], true, 0),
        ];
        for (name, bundles, reads, count) in cases {
            let (note, parts) = of(&bundles, reads);
            assert_eq!(parts.len(), count, "{name}: {note}");
            assert_eq!(note.is_empty(), name == "none", "{name}: {note}");
            let all = bundles.len() == count || !reads || name == "none";
            assert_eq!(note.contains("follow"), !all, "{name}: {note}");
            let bulky =
                parts.iter().any(|part| matches!(part, Part::Image { base64, .. } if base64.len() > 1000));
            assert!(!bulky, "{name}: the largest goes first");
        }
    }
}
