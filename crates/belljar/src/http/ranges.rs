//! Which part of a file is asked for (RFC 9110, one range), and whether the one that the client has is still right.

use axum::http::{HeaderMap, HeaderName, header};

/// What to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// From the first byte up to the one before the second number.
    Bytes(u64, u64),
    /// The client has it.
    Unchanged,
    /// There is no such part.
    Nowhere,
}

/// Reads what is asked for of a file of this size and tag.
pub fn part(headers: &HeaderMap, size: u64, tag: &str) -> Part {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let named = |list: &str| {
        list.split(',').any(|one| one.trim() == "*" || one.trim().trim_start_matches("W/") == tag)
    };
    if text(header::IF_NONE_MATCH).is_some_and(named) {
        return Part::Unchanged;
    }
    let right = text(header::IF_RANGE).is_none_or(|given| given == tag);
    match text(header::RANGE).filter(|_| right).and_then(|range| range.strip_prefix("bytes=")) {
        Some(range) => one(range.trim(), size),
        None => Part::Whole,
    }
}

fn one(range: &str, size: u64) -> Part {
    // What is no single range is not looked at, as the standard allows.
    let Some((first, last)) = range.split_once('-').filter(|_| !range.contains(',')) else {
        return Part::Whole;
    };
    let (first, last) = (first.trim().parse::<u64>(), last.trim());
    let (from, to) = match (first, last.parse::<u64>()) {
        (Ok(from), Ok(last)) if from > last => return Part::Whole,
        (Ok(from), Ok(last)) => (from, last.saturating_add(1).min(size)),
        (Ok(from), Err(_)) if last.is_empty() => (from, size),
        (Err(_), Ok(count)) if range.starts_with('-') => (size.saturating_sub(count), size),
        _ => return Part::Whole,
    };
    if from >= to { Part::Nowhere } else { Part::Bytes(from, to) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_read() {
        let rows = [
            ("bytes=0-0", Part::Bytes(0, 1)),
            ("bytes=5-", Part::Bytes(5, 10)),
            ("bytes=-3", Part::Bytes(7, 10)),
            ("bytes=-30", Part::Bytes(0, 10)),
            ("bytes=2-99", Part::Bytes(2, 10)),
            ("bytes=10-", Part::Nowhere),
            ("bytes=-0", Part::Nowhere),
            ("bytes=4-2", Part::Whole),
            ("bytes=0-1,3-4", Part::Whole),
            ("bytes=a-b", Part::Whole),
            ("lines=1-2", Part::Whole),
            ("bytes=18446744073709551615-", Part::Nowhere),
            ("bytes=0-18446744073709551615", Part::Bytes(0, 10)),
        ];
        for (text, expected) in rows {
            let headers = HeaderMap::from_iter([(header::RANGE, text.parse().unwrap())]);
            assert_eq!(part(&headers, 10, "\"t\""), expected, "{text}");
        }
    }

    #[test]
    fn tags_decide() {
        let read = |name: HeaderName, value: &str| {
            let range = (header::RANGE, "bytes=1-2".parse().unwrap());
            part(&HeaderMap::from_iter([range, (name, value.parse().unwrap())]), 10, "\"t\"")
        };
        assert_eq!(read(header::IF_NONE_MATCH, "\"a\", \"t\""), Part::Unchanged);
        assert_eq!(read(header::IF_NONE_MATCH, "\"a\""), Part::Bytes(1, 3));
        assert_eq!(read(header::IF_RANGE, "\"t\""), Part::Bytes(1, 3));
        assert_eq!(read(header::IF_RANGE, "\"old\""), Part::Whole);
    }
}
