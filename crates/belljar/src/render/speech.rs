//! What a model says, while it says it: rendered block by block on a terminal, as it is elsewhere.

use super::blocks::Blocks;
use super::markdown;
use super::terminal::{Look, columns, harmless};

/// Columns beyond which text is hard to read.
const COLUMNS_MAX: usize = 100;

/// One text of a model on its way to one of our streams.
#[derive(Debug)]
pub struct Speech {
    look: Look,
    columns: usize,
    blocks: Blocks,
    /// An empty line is due before what comes next.
    gap: bool,
    begun: bool,
}

impl Speech {
    /// For a stream that looks so.
    pub fn new(look: Look) -> Speech {
        let columns = columns().min(COLUMNS_MAX);
        Speech { look, columns, blocks: Blocks::default(), gap: false, begun: false }
    }

    /// More text; gives back what can be shown for good.
    pub fn push(&mut self, text: &str) -> String {
        if !self.look.terminal {
            return text.to_owned();
        }
        let whole = self.blocks.push(text);
        self.show(&whole)
    }

    /// The rest.
    pub fn finish(&mut self) -> String {
        let rest = self.blocks.finish();
        let shown = self.show(&rest);
        (self.gap, self.begun) = (false, false);
        shown
    }

    /// Forgets what is not shown yet: the text begins anew.
    pub fn discard(&mut self) {
        *self = Speech { look: self.look, columns: self.columns, ..Speech::new(self.look) };
    }

    /// What is not shown yet.
    pub fn pending(&self) -> &str {
        self.blocks.pending()
    }

    fn show(&mut self, pieces: &[String]) -> String {
        let mut out = String::new();
        for piece in pieces {
            let text = markdown::render(piece, self.look, self.columns);
            if !text.is_empty() {
                // Headings stand apart even where the source is dense.
                let apart = self.gap || piece.starts_with('#');
                if apart && self.begun {
                    out.push('\n');
                }
                out.push_str(&text);
                self.begun = true;
                self.gap = piece.starts_with('#');
            }
            self.gap |= piece.ends_with("\n\n") || piece.trim().is_empty();
        }
        out
    }
}

/// The last words of a text, on one line.
pub fn tail(text: &str, columns: usize) -> String {
    // More cannot be shown, whatever it is.
    let from = text.len().saturating_sub(columns * 8);
    let from = (from..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    let words = harmless(&text[from..]).split_whitespace().collect::<Vec<_>>().join(" ");
    match words.chars().count().saturating_sub(columns) {
        0 if from == 0 => words,
        over => format!("…{}", words.chars().skip(over + 1).collect::<String>()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_make_the_page_that_the_whole_makes() {
        let look = Look { terminal: true, colour: false };
        let text = "# Title\nSome *words*.\n\n- a\n- b\n\n## Next\n\n| a |\n|---|\n| 1 |\n\nEnd";
        let expected = "# Title\n\nSome words.\n\n• a\n• b\n\n## Next\n\na\n─\n1\n\nEnd\n";
        let mut speech = Speech::new(look);
        let mut seen = String::new();
        for c in text.chars() {
            seen.push_str(&speech.push(&c.to_string()));
        }
        seen.push_str(&speech.finish());
        assert_eq!(seen, expected);
        assert_eq!(markdown::render(text, look, 100), expected);
    }

    #[test]
    fn a_pipe_gets_the_source_and_a_tail_is_one_line() {
        let mut speech = Speech::new(Look { terminal: false, colour: false });
        assert_eq!(speech.push("**a**") + &speech.finish(), "**a**");
        let mut speech = Speech::new(Look { terminal: true, colour: false });
        assert_eq!(speech.push("one two\nthree \x1b[2Jfour"), "");
        assert_eq!(tail(speech.pending(), 80), "one two three four");
        assert_eq!(tail(speech.pending(), 8), "…ee four");
        assert_eq!(tail(&"ö ".repeat(9999), 7), "… ö ö ö");
        speech.discard();
        assert_eq!(speech.push("new\n\n"), "new\n");
    }
}
