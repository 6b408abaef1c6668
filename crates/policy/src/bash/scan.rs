//! What makes Bash slow to parse, found in one pass before the parser sees it: brackets inside each other, long
//! pipelines, many here-documents. It need not be exact: the parser itself does not recurse, and how deep its tree is
//! gets measured before anything walks it.

/// Brackets inside each other.
const BRACKETS_MAX: usize = 200;
/// Commands in one pipeline, or operators in one expression.
const CHAIN_MAX: usize = 1_000;
/// Here-documents, each of which may be searched for in the rest of the code: their number times the bytes of code.
const HERE_SEARCH_MAX: usize = 64 << 20;
/// Bytes of code: the parser takes up to two seconds for each MiB.
const BYTES_MAX: usize = 256 << 10;

/// Says what would take too long, and where.
pub(super) fn scan(code: &str) -> Result<(), (usize, &'static str)> {
    if code.len() > BYTES_MAX {
        return Err((0, "more than 256 KiB of Bash"));
    }
    let bytes = code.as_bytes();
    let (mut depth, mut chain, mut heres, mut at) = (0usize, 0usize, 0usize, 0);
    let mut quoted = false;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            b'"' => quoted = !quoted,
            b'\'' if !quoted => at = end_of_quote(bytes, at),
            b'#' if !quoted && at.checked_sub(1).is_none_or(|before| bytes[before].is_ascii_whitespace()) => {
                at += bytes[at..].iter().take_while(|byte| **byte != b'\n').count();
                continue;
            }
            b'(' | b'{' | b'[' if !quoted || bytes[at.saturating_sub(1)] == b'$' => {
                depth += 1;
                // A function without a body goes on to be a function.
                chain += 1;
            }
            b')' | b'}' | b']' => depth = depth.saturating_sub(1),
            b'\n' | b';' if !quoted => chain = 0,
            b'|' | b'&' | b'!' | b'+' | b'-' | b'*' | b'/' | b'?' | b'=' | b'<' | b'>' if !quoted => {
                chain += 1;
                heres += usize::from(bytes[at..].starts_with(b"<<"));
            }
            _ => {}
        }
        at += 1;
        let limits = [
            (depth > BRACKETS_MAX, "brackets inside each other"),
            (chain > CHAIN_MAX, "a chain of operators"),
            (heres * code.len() > HERE_SEARCH_MAX, "here-documents"),
        ];
        if let Some((_, what)) = limits.into_iter().find(|(beyond, _)| *beyond) {
            return Err((at - 1, what));
        }
    }
    Ok(())
}

/// The offset of the quote that closes the one at `at`; the end if there is none.
fn end_of_quote(bytes: &[u8], at: usize) -> usize {
    let ansi = at.checked_sub(1).is_some_and(|before| bytes[before] == b'$');
    let mut end = at + 1;
    while end < bytes.len() && bytes[end] != b'\'' {
        end += if ansi && bytes[end] == b'\\' { 2 } else { 1 };
    }
    end
}
