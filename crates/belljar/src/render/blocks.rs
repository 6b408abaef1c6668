//! Markdown as it streams in, cut into pieces that can be shown for good: whole blocks, and single items of a list.

/// Text that has come and is not shown yet.
#[derive(Debug, Default)]
pub struct Blocks {
    pending: String,
    /// How much of `pending` was looked at: whole lines only.
    seen: usize,
    fence: Option<Fence>,
    list: bool,
    blank: bool,
}

/// An open code block: its character and how often it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fence {
    mark: char,
    count: usize,
}

impl Blocks {
    /// Takes more text; gives back what is whole now. The pieces one after the other are the text.
    pub fn push(&mut self, text: &str) -> Vec<String> {
        self.pending.push_str(text);
        let mut whole = Vec::new();
        while let Some(end) = self.pending[self.seen..].find('\n') {
            let (from, to) = (self.seen, self.seen + end + 1);
            let line = self.pending[from..to].to_owned();
            if self.begins_block(&line) && from > 0 {
                whole.push(self.pending.drain(..from).collect());
                self.seen = 0;
            }
            self.note(&line);
            self.seen += line.len();
            if self.ends_block(&line) {
                whole.push(self.pending.drain(..self.seen).collect());
                self.seen = 0;
            }
        }
        whole
    }

    /// What is left when the text is over.
    pub fn finish(&mut self) -> Vec<String> {
        let begins = self.begins_block(&self.pending[self.seen..]);
        let Blocks { mut pending, seen, .. } = std::mem::take(self);
        let last = if begins { pending.split_off(seen) } else { String::new() };
        [pending, last].into_iter().filter(|piece| !piece.is_empty()).collect()
    }

    /// What is not whole yet.
    pub fn pending(&self) -> &str {
        &self.pending
    }

    /// True where this line cannot belong to what is pending.
    fn begins_block(&self, line: &str) -> bool {
        if self.fence.is_some() || line.trim().is_empty() {
            return false;
        }
        let indented = line.starts_with([' ', '\t']);
        match (self.list, self.blank) {
            (true, _) if is_item(line) && !indented => true,
            (true, true) => !indented,
            (true, false) => false,
            (false, blank) => blank,
        }
    }

    fn note(&mut self, line: &str) {
        let text = line.trim();
        if self.seen == 0 {
            self.list = is_item(line);
            self.blank = false;
        }
        match (self.fence, fence(text)) {
            (None, Some(opened)) => self.fence = Some(opened),
            (Some(open), Some(found)) if closes(text, open, found) => self.fence = None,
            _ => {}
        }
        self.blank = self.fence.is_none() && text.is_empty();
    }

    /// True after a line with which something is over for sure.
    fn ends_block(&self, line: &str) -> bool {
        if self.fence.is_some() || self.list {
            return false;
        }
        line.trim().is_empty() || line.starts_with('#') && self.seen == line.len()
    }
}

fn fence(text: &str) -> Option<Fence> {
    let mark = text.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
    let count = text.chars().take_while(|c| *c == mark).count();
    // ```` `a` ```` on one line is code in a text.
    let opens = count >= 3 && !(mark == '`' && text[count..].contains('`'));
    opens.then_some(Fence { mark, count })
}

fn closes(text: &str, open: Fence, found: Fence) -> bool {
    found.mark == open.mark && found.count >= open.count && text.len() == found.count
}

/// True for the first line of a list's item.
fn is_item(line: &str) -> bool {
    let text = line.trim_start();
    if ["- ", "* ", "+ "].iter().any(|mark| text.starts_with(mark)) {
        return true;
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    (1..=9).contains(&digits) && [". ", ") "].iter().any(|mark| text[digits..].starts_with(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is whole after each character, and in the end.
    fn pieces(text: &str) -> Vec<String> {
        let mut blocks = Blocks::default();
        let mut pieces: Vec<String> = Vec::new();
        for c in text.chars() {
            pieces.extend(blocks.push(&c.to_string()));
        }
        pieces.extend(blocks.finish());
        pieces
    }

    #[test]
    fn blocks_are_given_away_as_soon_as_they_are_whole() {
        let cases: [(&str, &[&str]); 9] = [
            ("a\nb\n\nc", &["a\nb\n\n", "c"]),
            ("# T\ntext\n\n", &["# T\n", "text\n\n"]),
            ("```py\nx\n\n# y\n```\nafter\n\n", &["```py\nx\n\n# y\n```\nafter\n\n"]),
            ("````\n```\n\n````\n\nz", &["````\n```\n\n````\n\n", "z"]),
            ("- a\n- b\n  more\n\n- c\n\nend", &["- a\n", "- b\n  more\n\n", "- c\n\n", "end"]),
            ("1. a\n   - b\n   - c\n2. d", &["1. a\n   - b\n   - c\n", "2. d"]),
            ("- a\n\n  ```\n  x\n\n  y\n  ```\n- b", &["- a\n\n  ```\n  x\n\n  y\n  ```\n", "- b"]),
            ("| a | b |\n|---|---|\n| 1 | 2 |\n\nt", &["| a | b |\n|---|---|\n| 1 | 2 |\n\n", "t"]),
            ("", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(pieces(text), expected, "{text:?}");
            let mut blocks = Blocks::default();
            let mut whole = blocks.push(text);
            whole.extend(blocks.finish());
            assert_eq!(whole, expected, "{text:?} at once");
        }
    }
}
