//! An answer as Markdown. The model's own Markdown stays as it is; what code printed is fenced.

use super::shown::{Picture, Shown, shown};
use super::{facts, failure, finding, plain, reason};
use crate::Entry;
use protocol::CodeRun;
use std::fmt::Write;

/// A text and the pictures that it names, to be written beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beside {
    /// The text.
    pub text: String,
    /// Names and contents of the pictures, in order.
    pub pictures: Vec<(String, Vec<u8>)>,
}

/// One text with everything in it: pictures are data URLs.
pub fn markdown(entry: &Entry) -> String {
    let mut page = Page { text: String::new(), stem: None, pictures: Vec::new() };
    page.write(entry);
    page.text
}

/// A text whose pictures are files `STEM-1.png`, … in the same folder.
pub fn markdown_beside(entry: &Entry, stem: &str) -> Beside {
    let mut page = Page { text: String::new(), stem: Some(stem), pictures: Vec::new() };
    page.write(entry);
    Beside { text: page.text, pictures: page.pictures }
}

struct Page<'a> {
    text: String,
    stem: Option<&'a str>,
    pictures: Vec<(String, Vec<u8>)>,
}

impl Page<'_> {
    fn write(&mut self, entry: &Entry) {
        self.text.push_str("# Question\n\n");
        for line in entry.answer.prompt.trim().lines() {
            let _ = writeln!(self.text, "> {line}");
        }
        self.text.push_str("\n| | |\n|---|---|\n");
        for (name, value) in facts(entry) {
            let _ = writeln!(self.text, "| {name} | {} |", value.replace('|', "\\|"));
        }
        for step in entry.steps() {
            if let Some(said) = step.said {
                self.block(&closed(said));
            }
            step.runs.iter().for_each(|run| self.run(run));
        }
        self.block("# Answer");
        if let Some(reason) = reason(entry) {
            self.block(&format!("**{}**: {reason}", entry.status_word()));
        }
        if !entry.answer.answer.trim().is_empty() {
            self.block(&closed(&entry.answer.answer));
        }
    }

    fn run(&mut self, run: &CodeRun) {
        self.block(&fenced(run.language.name(), &run.code));
        let outcome = &run.outcome;
        if !outcome.findings.is_empty() {
            let lines: Vec<String> = outcome.findings.iter().map(finding).collect();
            self.named("policy", &lines.join("\n"));
        }
        self.named("stdout", &plain(&outcome.stdout));
        self.named("stderr", &plain(&outcome.stderr));
        for bundle in &outcome.results {
            match shown(bundle) {
                Some(Shown::Picture(picture)) => self.picture(picture),
                Some(Shown::Markdown(text)) => self.block(&closed(text)),
                Some(Shown::Text(text)) => self.block(&fenced("text", &text)),
                Some(Shown::Source(language, text)) => self.block(&fenced(language, &text)),
                None => {}
            }
        }
        if let Some(error) = &outcome.error {
            let lines: Vec<String> = failure(error).iter().map(|line| plain(line)).collect();
            self.named("error", &lines.join("\n"));
        }
    }

    fn picture(&mut self, picture: Picture) {
        let number = self.pictures.len() + 1;
        let target = match self.stem {
            None => picture.data_url(),
            Some(stem) => format!("<{stem}-{number}.{}>", picture.extension),
        };
        self.block(&format!("![figure {number}]({target})"));
        let name = target.trim_matches(['<', '>']).to_owned();
        self.pictures.push((if self.stem.is_some() { name } else { String::new() }, picture.bytes));
    }

    fn named(&mut self, name: &str, text: &str) {
        if !text.trim().is_empty() {
            self.block(&format!("_{name}_\n\n{}", fenced("text", text)));
        }
    }

    fn block(&mut self, text: &str) {
        let _ = write!(self.text, "\n{}\n", text.trim_end());
    }
}

/// Text between fences that are longer than any run of backticks in it.
fn fenced(language: &str, text: &str) -> String {
    let (mut longest, mut current) = (0, 0);
    for c in text.chars() {
        current = if c == '`' { current + 1 } else { 0 };
        longest = longest.max(current);
    }
    let fence = "`".repeat(3.max(longest + 1));
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    format!("{fence}{language}\n{text}{end}{fence}")
}

/// Markdown in which a fence that was left open is closed, so that it cannot swallow what follows.
fn closed(markdown: &str) -> String {
    let mut open: Option<&str> = None;
    for line in markdown.lines() {
        let text = line.trim_start_matches(' ');
        let mark = text.chars().next().filter(|mark| matches!(mark, '`' | '~'));
        let (Some(mark), true) = (mark, line.len() - text.len() <= 3) else { continue };
        let (fence, rest) = text.split_at(text.len() - text.trim_start_matches(mark).len());
        match open {
            None if fence.len() >= 3 && !(mark == '`' && rest.contains('`')) => open = Some(fence),
            Some(begun) if fence.starts_with(begun) && rest.trim().is_empty() => open = None,
            _ => {}
        }
    }
    match open {
        Some(fence) => format!("{}\n{fence}", markdown.trim_end()),
        None => markdown.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fences_are_longer_than_what_is_inside() {
        assert_eq!(fenced("python", "x"), "```python\nx\n```");
        assert_eq!(fenced("text", "a ```` b\n"), "`````text\na ```` b\n`````");
        assert_eq!(fenced("text", ""), "```text\n```");
    }

    #[test]
    fn open_fences_are_closed() {
        let cases = [
            ("no fence", "no fence"),
            ("```\nx\n```", "```\nx\n```"),
            ("```python\nx", "```python\nx\n```"),
            ("~~~~\n```\n~~~", "~~~~\n```\n~~~\n~~~~"),
            ("````\n```\nx\n````\nend", "````\n```\nx\n````\nend"),
            ("inline ``` is none", "inline ``` is none"),
            ("    ``` indented", "    ``` indented"),
            ("``` a`b", "``` a`b"),
        ];
        for (given, seen) in cases {
            assert_eq!(closed(given), seen, "{given:?}");
        }
    }
}
