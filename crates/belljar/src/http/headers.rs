//! What request headers ask for: which form of an answer, from which event on, only once.

use axum::http::{HeaderMap, header};

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wishes {
    /// Events as they happen, not one answer at the end.
    pub live: bool,
    /// The last event that the client has.
    pub after: Option<u64>,
    /// The request is carried out once, however often it comes with this key.
    pub once: Option<String>,
}

impl Wishes {
    /// Reads them.
    pub fn read(headers: &HeaderMap) -> Wishes {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let accept = text(header::ACCEPT.as_str()).unwrap_or_default();
        let kinds = accept.split(',').map(|kind| kind.split(';').next().unwrap_or_default().trim());
        Wishes {
            live: kinds.into_iter().any(|kind| kind.eq_ignore_ascii_case("text/event-stream")),
            after: text("last-event-id").and_then(|id| id.trim().parse().ok()),
            once: headers.get("idempotency-key").map(|key| key.to_str().unwrap_or_default().to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_read() {
        let read = |pairs: &[(&'static str, &'static str)]| {
            let pairs = pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            Wishes::read(&HeaderMap::from_iter(pairs))
        };
        assert_eq!(read(&[]), Wishes::default());
        assert!(read(&[("accept", "application/json, Text/Event-Stream;q=0.9")]).live);
        assert!(!read(&[("accept", "*/*")]).live);
        assert_eq!(read(&[("last-event-id", "17")]).after, Some(17));
        assert_eq!(read(&[("last-event-id", "x")]).after, None);
        assert_eq!(read(&[("idempotency-key", "a b")]).once.as_deref(), Some("a b"));
    }
}
