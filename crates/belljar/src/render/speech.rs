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

    /// The last words of what is not shown yet, on one line.
    pub fn tail(&self, columns: usize) -> String {
        let text = harmless(self.blocks.pending()).split_whitespace().collect::<Vec<_>>().join(" ");
        let over = text.chars().count().saturating_sub(columns.saturating_sub(1));
        match over {
            0 => text,
            over => format!("…{}", text.chars().skip(over).collect::<String>()),
        }
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
        assert_eq!(speech.tail(80), "one two three four");
        assert_eq!(speech.tail(8), "…ee four");
        speech.discard();
        assert_eq!(speech.push("new\n\n"), "new\n");
    }
}
