//! Thinking that leaked into the text: a `<think>` block at its beginning.

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

/// Parts what is said from what is thought, piece by piece.
#[derive(Debug, Default)]
pub(super) struct Parting {
    place: Place,
    /// What may still be a part of a tag.
    held: String,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Beginning,
    Thinking,
    /// Behind the closing tag, where blank lines mean nothing.
    Between,
    Speaking,
}

/// A piece of the text, parted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Parted {
    /// More of what is thought.
    pub thought: String,
    /// More of what is said.
    pub said: String,
}

impl Parting {
    /// Takes more text.
    pub fn take(&mut self, text: &str) -> Parted {
        let mut parted = Parted::default();
        self.held.push_str(text);
        if self.place == Place::Beginning {
            let begun = self.held.trim_start();
            if let Some(rest) = begun.strip_prefix(OPEN) {
                (self.place, self.held) = (Place::Thinking, rest.to_owned());
            } else if !OPEN.starts_with(begun) {
                self.place = Place::Speaking;
            }
        }
        if self.place == Place::Thinking {
            match self.held.split_once(CLOSE) {
                Some((thought, said)) => {
                    parted.thought = thought.to_owned();
                    (self.place, self.held) = (Place::Between, said.to_owned());
                }
                None => {
                    let sure = self.held.len() - tail_of_tag(&self.held);
                    parted.thought = self.held.drain(..sure).collect();
                }
            }
        }
        if self.place == Place::Between && !self.held.trim_start().is_empty() {
            (self.place, self.held) = (Place::Speaking, self.held.trim_start().to_owned());
        }
        if self.place == Place::Speaking {
            parted.said = std::mem::take(&mut self.held);
        }
        parted
    }

    /// What was held back, at the end.
    pub fn end(self) -> Parted {
        match self.place {
            Place::Thinking => Parted { thought: self.held, ..Parted::default() },
            Place::Between => Parted::default(),
            Place::Beginning | Place::Speaking => Parted { said: self.held, ..Parted::default() },
        }
    }
}

/// How many bytes at the end may be the beginning of the closing tag.
fn tail_of_tag(text: &str) -> usize {
    (1..CLOSE.len()).rev().find(|&length| text.ends_with(&CLOSE[..length])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thoughts_are_parted_wherever_the_text_is_cut() {
        let table = [
            ("<think>a < b</think>\n\nanswer", "a < b", "answer"),
            ("\n<think>\nhm</think>x </think> y", "\nhm", "x </think> y"),
            ("answer <think>no</think>", "", "answer <think>no</think>"),
            ("<thin air", "", "<thin air"),
            ("<th", "", "<th"),
            ("<think>cut </thi", "cut </thi", ""),
            ("é", "", "é"),
            ("<think>é</think>", "é", ""),
            ("", "", ""),
        ];
        for (text, thought, said) in table {
            for size in 1..=text.chars().count().max(1) {
                let mut parting = Parting::default();
                let mut all = Parted::default();
                let characters: Vec<char> = text.chars().collect();
                let pieces = characters.chunks(size).map(|piece| piece.iter().collect::<String>());
                for parted in pieces.map(|piece| parting.take(&piece)).collect::<Vec<_>>() {
                    all.thought += &parted.thought;
                    all.said += &parted.said;
                }
                let rest = parting.end();
                all.thought += &rest.thought;
                all.said += &rest.said;
                assert_eq!(all, Parted { thought: thought.into(), said: said.into() }, "{text:?} by {size}");
            }
        }
    }
}
