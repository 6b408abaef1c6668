//! File names of a sandbox as text.
//!
//! Linux names are bytes. Bytes that are not UTF-8 become the private characters U+F780…U+F7FF,
//! one for each byte, and so do the bytes of such a character itself: the text form is reversible.

const FIRST: u32 = 0xF700;

fn is_marker(c: char) -> bool {
    (FIRST + 0x80..=FIRST + 0xFF).contains(&(c as u32))
}

fn mark(byte: u8) -> char {
    char::from_u32(FIRST + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The text form of a name or path.
pub fn from_bytes(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if is_marker(c) {
                let mut buffer = [0; 4];
                text.extend(c.encode_utf8(&mut buffer).bytes().map(mark));
            } else {
                text.push(c);
            }
        }
        text.extend(chunk.invalid().iter().copied().map(mark));
    }
    text
}

/// The bytes of a name or path in text form.
pub fn to_bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        if is_marker(c) {
            bytes.push((c as u32 - FIRST) as u8);
        } else {
            let mut buffer = [0; 4];
            bytes.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_comes_back() {
        let names: [&[u8]; 6] = [
            b"plain",
            "größe 図.png".as_bytes(),
            b"\xff\xfe",
            b"a\xc3",
            "x\u{f7ff}y".as_bytes(),
            b"new\nline",
        ];
        for name in names {
            assert_eq!(to_bytes(&from_bytes(name)), name);
        }
        assert_eq!(from_bytes("größe".as_bytes()), "größe");
    }
}
