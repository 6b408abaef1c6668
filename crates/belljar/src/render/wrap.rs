//! Pieces of text in styles, and lines that end between words.

use super::terminal::Look;
use unicode_width::UnicodeWidthChar;

/// How a piece of text looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Style {
    /// Stressed.
    pub bold: bool,
    /// A little stressed.
    pub italic: bool,
    /// Crossed out.
    pub struck: bool,
    /// Code.
    pub code: bool,
    /// The text of a link.
    pub link: bool,
    /// By the way.
    pub faint: bool,
    /// A heading of the first two levels.
    pub title: bool,
}

impl Style {
    /// SGR parameters; empty for plain text.
    fn parameters(self) -> String {
        let parts = [
            (self.bold, "1"),
            (self.faint, "2"),
            (self.italic, "3"),
            (self.link, "4"),
            (self.struck, "9"),
            (self.code || self.title, "36"),
        ];
        let set: Vec<&str> = parts.iter().filter(|(set, _)| *set).map(|(_, code)| *code).collect();
        set.join(";")
    }
}

/// Text in order, each piece in one style.
pub type Spans = Vec<(Style, String)>;

/// The pieces as one line in colours, where they are welcome.
pub fn line(spans: &Spans, look: Look) -> String {
    let paint = |(style, text): &(Style, String)| match style.parameters() {
        plain if plain.is_empty() => text.clone(),
        parameters => look.paint(&parameters, text),
    };
    spans.iter().map(paint).collect()
}

/// The pieces as lines of at most `room` columns; a word that is longer has a line for itself.
pub fn wrapped(spans: &Spans, room: usize) -> Vec<Spans> {
    let mut lines = vec![Spans::new()];
    let mut column = 0;
    let mut word = Word::default();
    for (style, c) in spans.iter().flat_map(|(style, text)| text.chars().map(|c| (*style, c))) {
        if !matches!(c, ' ' | '\n') {
            word.push(style, c);
            continue;
        }
        word.end(&mut lines, &mut column, room);
        if c == '\n' {
            lines.push(Spans::new());
            column = 0;
        } else if column > 0 {
            word.space = Some(style);
        }
    }
    word.end(&mut lines, &mut column, room);
    lines
}

#[derive(Default)]
struct Word {
    letters: Spans,
    columns: usize,
    /// The style of the space in front of it.
    space: Option<Style>,
}

impl Word {
    fn push(&mut self, style: Style, c: char) {
        push(&mut self.letters, style, c);
        self.columns += c.width().unwrap_or(0);
    }

    fn end(&mut self, lines: &mut Vec<Spans>, column: &mut usize, room: usize) {
        if self.letters.is_empty() {
            return;
        }
        let word = std::mem::take(self);
        if *column > 0 && *column + 1 + word.columns > room {
            lines.push(Spans::new());
            *column = 0;
        }
        let Some(line) = lines.last_mut() else { return };
        if let Some(style) = word.space.filter(|_| *column > 0) {
            push(line, style, ' ');
            *column += 1;
        }
        for (style, c) in word.letters.iter().flat_map(|(style, text)| text.chars().map(|c| (*style, c))) {
            push(line, style, c);
        }
        *column += word.columns;
    }
}

fn push(spans: &mut Spans, style: Style, c: char) {
    match spans.last_mut() {
        Some((last, text)) if *last == style => text.push(c),
        _ => spans.push((style, c.to_string())),
    }
}
