//! Pictures in a terminal: which protocol it speaks (kitty's or iTerm2's), and the bytes to send.
//!
//! Pictures come from a sandbox: they are decoded and encoded again, so that only base64 reaches the terminal.

use base64::{Engine, engine::general_purpose::STANDARD};
use std::fmt::Write;

/// How a terminal takes pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// kitty's graphics protocol: kitty, Ghostty. PNG only.
    Kitty,
    /// iTerm2's inline images: iTerm2, WezTerm, mintty.
    Iterm,
}

/// What the terminal speaks, told by its environment; `BELLJAR_IMAGES=kitty|iterm|none` decides by hand.
pub fn detect(terminal: bool, env: impl Fn(&str) -> Option<String>) -> Option<Protocol> {
    match env("BELLJAR_IMAGES").as_deref() {
        Some("kitty") => return Some(Protocol::Kitty),
        Some("iterm") => return Some(Protocol::Iterm),
        Some("none") => return None,
        _ => {}
    }
    let term = env("TERM").unwrap_or_default();
    // A multiplexer in between swallows the sequences and shows their base64 instead.
    if !terminal || env("TMUX").is_some() || env("ZELLIJ").is_some() || term.starts_with("screen") {
        return None;
    }
    let program = env("TERM_PROGRAM").unwrap_or_default();
    if env("KITTY_WINDOW_ID").is_some()
        || term == "xterm-kitty"
        || term == "xterm-ghostty"
        || program == "ghostty"
    {
        return Some(Protocol::Kitty);
    }
    let iterm = matches!(program.as_str(), "iTerm.app" | "WezTerm" | "mintty");
    (iterm || env("LC_TERMINAL").as_deref() == Some("iTerm2")).then_some(Protocol::Iterm)
}

/// Bytes of a picture from a bundle, when they are valid base64.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let packed: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    STANDARD.decode(packed).ok()
}

/// The sequences that show a picture, or `None` where the protocol cannot show this kind.
pub fn sequences(protocol: Protocol, mime: &str, bytes: &[u8]) -> Option<String> {
    let encoded = STANDARD.encode(bytes);
    let mut out = String::with_capacity(encoded.len() + 256);
    match protocol {
        Protocol::Kitty if mime == "image/png" => {
            let parts: Vec<&[u8]> = encoded.as_bytes().chunks(4096).collect();
            for (index, part) in parts.iter().enumerate() {
                let first = if index == 0 { "a=T,f=100,q=2," } else { "" };
                let more = u8::from(index + 1 < parts.len());
                let part = std::str::from_utf8(part).ok()?;
                let _ = write!(out, "\x1b_G{first}m={more};{part}\x1b\\");
            }
        }
        Protocol::Iterm if matches!(mime, "image/png" | "image/jpeg" | "image/gif") => {
            let size = bytes.len();
            let _ = write!(out, "\x1b]1337;File=inline=1;size={size};preserveAspectRatio=1:{encoded}\x07");
        }
        _ => return None,
    }
    out.push('\n');
    Some(out)
}

/// Width and height in pixels, read from a PNG's, GIF's or JPEG's head.
pub fn dimensions(bytes: &[u8]) -> Option<(u32, u32)> {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        let word = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        return Some((word(16)?, word(20)?));
    }
    if bytes.starts_with(b"GIF8") {
        let word = |at: usize| Some(u32::from(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?)));
        return Some((word(6)?, word(8)?));
    }
    bytes.starts_with(b"\xff\xd8").then(|| jpeg(bytes))?
}

fn jpeg(bytes: &[u8]) -> Option<(u32, u32)> {
    let word = |at: usize| Some(u32::from(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?)));
    let mut at = 2;
    while *bytes.get(at)? == 0xff {
        let marker = *bytes.get(at + 1)?;
        // Start-of-frame segments hold the size; C4, C8 and CC are tables, not frames.
        if (0xc0..=0xcf).contains(&marker) && !matches!(marker, 0xc4 | 0xc8 | 0xcc) {
            return Some((word(at + 7)?, word(at + 5)?));
        }
        at += 2 + word(at + 2)? as usize;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<String> {
        |key| pairs.iter().find(|(name, _)| *name == key).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn terminals_are_known_by_their_environment() {
        assert_eq!(detect(true, with(&[("TERM", "xterm-kitty")])), Some(Protocol::Kitty));
        assert_eq!(detect(true, with(&[("TERM_PROGRAM", "ghostty")])), Some(Protocol::Kitty));
        assert_eq!(detect(true, with(&[("TERM_PROGRAM", "WezTerm")])), Some(Protocol::Iterm));
        assert_eq!(detect(true, with(&[("LC_TERMINAL", "iTerm2")])), Some(Protocol::Iterm));
        assert_eq!(detect(true, with(&[("TERM", "xterm-256color")])), None);
        assert_eq!(detect(false, with(&[("TERM", "xterm-kitty")])), None);
        assert_eq!(detect(true, with(&[("TERM", "xterm-kitty"), ("TMUX", "x")])), None);
        assert_eq!(detect(false, with(&[("BELLJAR_IMAGES", "iterm")])), Some(Protocol::Iterm));
    }

    #[test]
    fn kitty_gets_chunks_and_only_the_last_says_so() {
        let text = sequences(Protocol::Kitty, "image/png", &[7; 9000]).unwrap();
        let parts: Vec<&str> = text.trim_end().split_terminator("\x1b\\").collect();
        assert_eq!(parts.len(), 3);
        assert!(parts[0].starts_with("\x1b_Ga=T,f=100,q=2,m=1;"));
        assert!(parts[1].starts_with("\x1b_Gm=1;") && parts[2].starts_with("\x1b_Gm=0;"));
        assert!(sequences(Protocol::Kitty, "image/jpeg", &[1]).is_none());
    }

    #[test]
    fn sizes_of_pictures() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\x80\0\0\x01\xe0";
        assert_eq!(dimensions(png), Some((640, 480)));
        assert_eq!(dimensions(&png[..18]), None);
        assert_eq!(dimensions(b"GIF89a\x05\0\x06\0"), Some((5, 6)));
        let jpeg = b"\xff\xd8\xff\xe0\0\x04xx\xff\xc0\0\x11\x08\0\x10\0\x20";
        assert_eq!(dimensions(jpeg), Some((32, 16)));
        assert_eq!(dimensions(b""), None);
    }
}
