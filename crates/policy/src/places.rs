//! Where an offset in bytes is: line and column, counted from 1, columns in characters.

use protocol::Span;

/// Bytes between two places whose number of characters is known.
const STEP: usize = 256;

/// The lines of a text; a line ends with `\n`, `\r\n` or a lone `\r`.
pub(crate) struct Places<'a> {
    text: &'a str,
    /// The offset of each line's first byte.
    lines: Vec<usize>,
    /// The number of characters before each [`STEP`]; empty for ASCII.
    characters: Vec<usize>,
}

impl<'a> Places<'a> {
    pub(crate) fn new(text: &'a str) -> Places<'a> {
        let bytes = text.as_bytes();
        let ends =
            |at: &usize| bytes[*at] == b'\n' || bytes[*at] == b'\r' && bytes.get(at + 1) != Some(&b'\n');
        let breaks = (0..bytes.len()).filter(ends).map(|at| at + 1);
        let lines = std::iter::once(0).chain(breaks).collect();
        let mut characters = Vec::new();
        if !text.is_ascii() {
            let mut sum = 0;
            for chunk in text.as_bytes().chunks(STEP) {
                characters.push(sum);
                sum += count(chunk);
            }
            characters.push(sum);
        }
        Places { text, lines, characters }
    }

    /// The place of a range of bytes; offsets behind the end mean the end.
    pub(crate) fn span(&self, start: usize, end: usize) -> Span {
        let (line, column) = self.place(start);
        let (end_line, end_column) = self.place(end.max(start));
        Span { line, column, end_line, end_column }
    }

    fn place(&self, offset: usize) -> (u32, u32) {
        let offset = offset.min(self.text.len());
        let line = self.lines.partition_point(|start| *start <= offset);
        let column = self.characters_before(offset) - self.characters_before(self.lines[line - 1]) + 1;
        (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
    }

    fn characters_before(&self, offset: usize) -> usize {
        if self.characters.is_empty() {
            return offset;
        }
        let step = offset / STEP;
        self.characters[step] + count(&self.text.as_bytes()[step * STEP..offset])
    }
}

/// The characters that begin in these bytes.
fn count(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
}

#[cfg(test)]
mod tests {
    use super::Places;

    #[test]
    fn columns_are_characters_and_count_from_one() {
        let text = format!("é\n{}x", "ß".repeat(300));
        let places = Places::new(&text);
        for (offset, line, column) in
            [(0, 1, 1), (2, 1, 2), (3, 2, 1), (5, 2, 2), (603, 2, 301), (9999, 2, 302)]
        {
            let span = places.span(offset, offset);
            assert_eq!((span.line, span.column), (line, column), "{offset}");
        }
        assert_eq!(Places::new("").span(0, 0).column, 1);
        assert_eq!(Places::new("ab\ncd").span(3, 5).end_column, 3);
        assert_eq!(Places::new("ab\r\ncd\re").span(7, 8).line, 3);
    }
}
