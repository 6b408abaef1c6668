//! Bytes of a program as text: UTF-8 across chunk borders, escape sequences removed, names made printable.

use std::fmt::Write;

/// Decodes UTF-8 that comes in pieces; what is not UTF-8 becomes U+FFFD.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    rest: Vec<u8>,
}

impl Decoder {
    /// The text of the next bytes, as far as it is certain.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        if self.rest.is_empty() {
            return self.decode(bytes);
        }
        let mut joined = std::mem::take(&mut self.rest);
        joined.extend_from_slice(bytes);
        self.decode(&joined)
    }

    /// The text of an unfinished character at the end.
    pub fn finish(&mut self) -> String {
        let rest = std::mem::take(&mut self.rest);
        String::from_utf8_lossy(&rest).into_owned()
    }

    fn decode(&mut self, bytes: &[u8]) -> String {
        let mut text = String::with_capacity(bytes.len());
        let mut at = 0;
        for chunk in bytes.utf8_chunks() {
            text.push_str(chunk.valid());
            at += chunk.valid().len() + chunk.invalid().len();
            if chunk.invalid().is_empty() {
                continue;
            }
            let unfinished = at == bytes.len()
                && std::str::from_utf8(chunk.invalid()).is_err_and(|error| error.error_len().is_none());
            if unfinished {
                self.rest = chunk.invalid().to_vec();
            } else {
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        text
    }
}

/// Text without escape sequences and control characters; line ends and tabs stay.
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\n' | '\t' => out.push(c),
            '\u{1b}' => skip_escape(&mut chars),
            '\u{9b}' => skip_control_sequence(&mut chars),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

fn skip_escape(chars: &mut std::str::Chars<'_>) {
    let mut ahead = chars.clone();
    match ahead.next() {
        Some('[') => {
            *chars = ahead;
            skip_control_sequence(chars);
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            *chars = ahead;
            skip_string(chars);
        }
        Some(' '..='/') => {
            ahead.next();
            *chars = ahead;
        }
        Some('0'..='~') => *chars = ahead,
        _ => {}
    }
}

fn skip_control_sequence(chars: &mut std::str::Chars<'_>) {
    let mut ahead = chars.clone();
    while let Some(c) = ahead.next() {
        match c {
            ' '..='?' => *chars = ahead.clone(),
            '@'..='~' => {
                *chars = ahead;
                return;
            }
            _ => return,
        }
    }
}

fn skip_string(chars: &mut std::str::Chars<'_>) {
    let mut ahead = chars.clone();
    while let Some(c) = ahead.next() {
        let ends = match c {
            '\u{7}' | '\u{9c}' => true,
            '\u{1b}' => ahead.next() == Some('\\'),
            '\n' => return,
            _ => false,
        };
        *chars = ahead.clone();
        if ends {
            return;
        }
    }
}

/// Cuts text to at most `bytes` bytes at a character border and says so with an ellipsis.
pub(crate) fn cut(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let end = (0..=bytes).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    format!("{}…", &text[..end])
}

/// A file's name as one line that no terminal misreads: control and direction characters become `\u{…}`, a backslash
/// becomes two. [`from_printable`] gives the name back.
pub fn printable(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if misleads(c) => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

fn misleads(c: char) -> bool {
    let directions =
        matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    let not_utf8 = ('\u{f780}'..='\u{f7ff}').contains(&c);
    c.is_control() || directions || not_utf8
}

/// The name behind its printable form; `None` where the text is not such a form.
pub fn from_printable(text: &str) -> Option<String> {
    let mut name = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        name.push_str(&rest[..at]);
        let mut chars = rest[at + 1..].chars();
        match chars.next()? {
            '\\' => name.push('\\'),
            'n' => name.push('\n'),
            't' => name.push('\t'),
            'u' => {
                let (digits, after) = chars.as_str().strip_prefix('{')?.split_once('}')?;
                name.push(char::from_u32(u32::from_str_radix(digits, 16).ok()?)?);
                chars = after.chars();
            }
            _ => return None,
        }
        rest = chars.as_str();
    }
    name.push_str(rest);
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_survives_any_split() {
        let inputs: [(&[u8], &str); 7] = [
            ("größe 図 🐍\n".as_bytes(), "größe 図 🐍\n"),
            (b"a\xffb", "a\u{fffd}b"),
            (b"\xf0\x9f\x90", "\u{fffd}"),
            (b"\xf0\x9fa", "\u{fffd}a"),
            (b"\xe2\x82\xe2\x82\xac", "\u{fffd}€"),
            (b"\xc0\x80", "\u{fffd}\u{fffd}"),
            (b"", ""),
        ];
        for (bytes, text) in inputs {
            for step in 1..=bytes.len().max(1) {
                let mut decoder = Decoder::default();
                let mut seen: String = bytes.chunks(step).map(|part| decoder.push(part)).collect();
                seen.push_str(&decoder.finish());
                assert_eq!(seen, text, "{bytes:?} in steps of {step}");
            }
        }
    }

    #[test]
    fn escapes_go_text_stays() {
        for (raw, text) in [
            ("\u{1b}[0;31mValueError\u{1b}[0m: x", "ValueError: x"),
            ("\u{1b}]8;;http://x\u{7}link\u{1b}]8;;\u{1b}\\!", "link!"),
            ("a\u{9b}1mb\u{8}c\td\r\n", "abc\td\n"),
            ("\u{1b}(Bplain\u{1b}", "plain"),
            ("\u{1b}[31", ""),
            ("\u{1b}]0;title\nnext", "\nnext"),
            ("ü\u{1b}[1mü", "üü"),
        ] {
            assert_eq!(plain(raw), text, "{raw:?}");
        }
    }

    #[test]
    fn printable_names_come_back() {
        for (name, shown) in [
            ("plot.png", "plot.png"),
            ("new\nline\\x", "new\\nline\\\\x"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("gnp\u{202e}exe", "gnp\\u{202e}exe"),
            ("größe 図", "größe 図"),
            ("bad\u{f7ff}", "bad\\u{f7ff}"),
        ] {
            assert_eq!(printable(name), shown);
            assert_eq!(from_printable(shown).as_deref(), Some(name));
        }
        for wrong in ["\\", "\\x", "\\u{zz}", "\\u{110000}", "\\u1b"] {
            assert_eq!(from_printable(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn cuts_at_characters() {
        assert_eq!(cut("größe", 3), "gr…");
        assert_eq!(cut("gr", 3), "gr");
    }
}
