//! What a terminal may be told: colours where they are wanted, and nothing of a sandbox's text that a terminal
//! would obey beyond colours, cursor moves and erasing.

use std::io::IsTerminal;

/// How one of our streams wants its text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Look {
    /// It is a terminal.
    pub terminal: bool,
    /// Colours are welcome (`NO_COLOR`, `CLICOLOR`, `CLICOLOR_FORCE` and `TERM` are honoured).
    pub colour: bool,
}

impl Look {
    /// How standard output wants it.
    pub fn stdout() -> Look {
        let stream = std::io::stdout();
        let choice = anstream::AutoStream::choice(&stream);
        Look { terminal: stream.is_terminal(), colour: choice != anstream::ColorChoice::Never }
    }

    /// How standard error wants it.
    pub fn stderr() -> Look {
        let stream = std::io::stderr();
        let choice = anstream::AutoStream::choice(&stream);
        Look { terminal: stream.is_terminal(), colour: choice != anstream::ColorChoice::Never }
    }

    /// `text` in a style (SGR parameters such as `1;31`), where colours are welcome.
    pub fn paint(self, style: &str, text: &str) -> String {
        if self.colour && !text.is_empty() {
            return format!("\x1b[{style}m{text}\x1b[0m");
        }
        text.to_owned()
    }
}

/// Columns of the terminal that standard output or standard error is; 80 where there is none.
pub fn columns() -> usize {
    let sizes =
        [rustix::termios::tcgetwinsize(std::io::stdout()), rustix::termios::tcgetwinsize(std::io::stderr())];
    let wide = sizes.into_iter().flatten().map(|size| usize::from(size.ws_col)).find(|columns| *columns > 0);
    wide.unwrap_or(80)
}

/// Bold red.
pub const RED: &str = "1;31";
/// Green.
pub const GREEN: &str = "32";
/// Yellow.
pub const YELLOW: &str = "33";
/// Bold.
pub const BOLD: &str = "1";
/// Faint.
pub const FAINT: &str = "2";
/// Cyan.
pub const CYAN: &str = "36";

/// Longest control sequence that is looked at; longer ones are dropped.
const SEQUENCE_CHARS_MAX: usize = 64;

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Inside {
    #[default]
    Text,
    Escape,
    Csi,
    /// OSC, DCS, APC, PM, SOS: until BEL or ESC \.
    Str,
    StrEscape,
    /// ESC and intermediates such as `ESC ( B`.
    Charset,
}

/// Takes out of a text that came from a sandbox what a terminal would obey, apart from colours, cursor moves and
/// erasing. Sequences may be split over several pieces.
///
/// A terminal can be made to answer (reports), to take over the clipboard, to rename windows: hence a list of
/// what passes, not of what does not.
#[derive(Debug, Default)]
pub struct Filter {
    inside: Inside,
    sequence: String,
    /// Colours pass too.
    colour: bool,
}

impl Filter {
    /// For a terminal; `colour` lets SGR sequences pass.
    pub fn new(colour: bool) -> Filter {
        Filter { colour, ..Filter::default() }
    }

    /// The next piece of text, made harmless.
    pub fn pass(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        for c in text.chars() {
            self.step(c, &mut out);
        }
        out
    }

    fn step(&mut self, c: char, out: &mut String) {
        self.inside = match (self.inside, c) {
            (Inside::Str, '\u{7}') | (Inside::Str | Inside::StrEscape, '\u{9c}') => Inside::Text,
            (Inside::StrEscape, '\\') => Inside::Text,
            (Inside::Str | Inside::StrEscape, '\x1b') => Inside::StrEscape,
            (Inside::Str | Inside::StrEscape, _) => Inside::Str,
            (_, '\x1b') => Inside::Escape,
            (Inside::Text, '\u{9b}') => self.begin(),
            (Inside::Text, '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}') => Inside::Str,
            (Inside::Text, c) => {
                if !c.is_control() || matches!(c, '\n' | '\r' | '\t' | '\u{8}') {
                    out.push(c);
                }
                Inside::Text
            }
            (Inside::Escape, '[') => self.begin(),
            (Inside::Escape, ']' | 'P' | '_' | '^' | 'X') => Inside::Str,
            (Inside::Escape | Inside::Charset, ' '..='/') => Inside::Charset,
            (Inside::Escape | Inside::Charset, _) => Inside::Text,
            (Inside::Csi, '@'..='~') => {
                self.finish(c, out);
                Inside::Text
            }
            (Inside::Csi, c) => {
                if self.sequence.len() <= SEQUENCE_CHARS_MAX {
                    self.sequence.push(c);
                }
                Inside::Csi
            }
        };
    }

    fn begin(&mut self) -> Inside {
        self.sequence.clear();
        Inside::Csi
    }

    fn finish(&mut self, last: char, out: &mut String) {
        let plain = self.sequence.bytes().all(|b| b.is_ascii_digit() || b == b';' || b == b':');
        let passes = match last {
            'm' => plain && self.colour,
            'A'..='H' | 'J' | 'K' => plain,
            'h' | 'l' => self.sequence == "?25",
            _ => false,
        };
        if passes && self.sequence.len() <= SEQUENCE_CHARS_MAX {
            out.push_str("\x1b[");
            out.push_str(&self.sequence);
            out.push(last);
        }
    }
}

/// A name from a sandbox on one line: control characters and bytes that are not UTF-8 are spelled out.
pub fn name(text: &str) -> String {
    let bytes = protocol::path::to_bytes(text);
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() { out.extend(c.escape_default()) } else { out.push(c) }
        }
        out.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    out
}

/// Text of a model: nothing in it that a terminal obeys, and what turns the direction of text is spelled out, so that
/// code reads as it runs.
pub fn harmless(text: &str) -> String {
    let text = interpreter::plain(text);
    let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if !text.contains(turns) {
        return text;
    }
    text.chars().map(|c| if turns(c) { c.escape_unicode().to_string() } else { c.to_string() }).collect()
}

/// A count of bytes for people: `23 kB`, in powers of 1000.
pub fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut unit = "B";
    for next in ["kB", "MB", "GB", "TB"] {
        if value < 999.5 {
            break;
        }
        value /= 1000.0;
        unit = next;
    }
    let digits = usize::from(unit != "B" && value < 9.95);
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_told_only_what_is_harmless() {
        let cases = [
            ("plain\ttext\r\n", "plain\ttext\r\n"),
            ("\x1b[1;31mred\x1b[0m", "\x1b[1;31mred\x1b[0m"),
            ("\x1b[2K\x1b[1Aup", "\x1b[2K\x1b[1Aup"),
            ("\x1b]0;title\x07after", "after"),
            ("\x1b]52;c;aGk=\x1b\\after", "after"),
            ("\x1bPq#0\x1b\\x\x1b_Gz\x1b\\y", "xy"),
            ("\x1b[6n\x1b[c\x1b[>c\x1b[5i.", "."),
            ("\x1b(B\x1bcx\x1b7", "x"),
            ("\x1b[?25l\x1b[?1049h", "\x1b[?25l"),
            ("\u{9b}31mx\u{9d}0;t\u{9c}y\x00\x07", "\x1b[31mxy"),
            ("größe 図", "größe 図"),
        ];
        for (given, seen) in cases {
            assert_eq!(Filter::new(true).pass(given), seen, "{given:?}");
            let mut filter = Filter::new(true);
            let split: String = given.chars().map(|c| filter.pass(&c.to_string())).collect();
            assert_eq!(split, seen, "{given:?} in pieces");
        }
        assert_eq!(Filter::new(false).pass("\x1b[31mred\x1b[0m"), "red");
        let long = format!("\x1b[{}mx", "1;".repeat(1000));
        assert_eq!(Filter::new(true).pass(&long), "x");
    }

    #[test]
    fn names_stay_on_one_line() {
        assert_eq!(name("a\nb"), "a\\nb");
        assert_eq!(name(&protocol::path::from_bytes(b"x\xff")), "x\\xff");
        assert_eq!(name("größe.png"), "größe.png");
    }

    #[test]
    fn a_models_text_moves_no_cursor() {
        assert_eq!(harmless("a\x1b[2J\x1b]0;t\x07b\rc\x08\u{202e}d\te\n"), "abc\\u{202e}d\te\n");
    }

    #[test]
    fn sizes_for_people() {
        for (bytes, text) in
            [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (23_456, "23 kB"), (5 << 20, "5.2 MB")]
        {
            assert_eq!(size(bytes), text);
        }
    }
}
