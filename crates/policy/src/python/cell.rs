//! A cell as IPython takes it apart before anything is Python: common indentation and prompts that were pasted along
//! are dropped, and a first line with `%%` says what the rest is.

use std::borrow::Cow;

/// Text with the way back to the place that each of its bytes has in the code.
#[derive(Debug, Clone)]
pub(super) struct Cell<'a> {
    pub(super) text: Cow<'a, str>,
    /// From this byte of the text on, that byte of the code.
    origins: Vec<(usize, usize)>,
}

/// `%%name line` and what is below it.
#[derive(Debug)]
pub(super) struct Magic<'a> {
    pub(super) name: String,
    pub(super) line: Cell<'a>,
    pub(super) body: Cell<'a>,
}

impl<'a> Cell<'a> {
    pub(super) fn new(code: &'a str) -> Cell<'a> {
        let start = if code.starts_with('\u{feff}') { 3 } else { 0 };
        Cell { text: Cow::Borrowed(&code[start..]), origins: vec![(0, start)] }
    }

    /// The byte of the code that a byte of the text comes from.
    pub(super) fn origin(&self, at: usize) -> usize {
        let next = self.origins.partition_point(|&(own, _)| own <= at);
        let (own, origin) = self.origins[next.saturating_sub(1)];
        origin + at.saturating_sub(own)
    }

    /// As IPython's first transformers leave it.
    pub(super) fn unwrapped(&self) -> Cell<'_> {
        let first = self.text.split_inclusive('\n').find(|line| !line.trim().is_empty()).unwrap_or_default();
        let indent = &first[..first.len() - first.trim_start_matches([' ', '\t']).len()];
        let prompts = has_prompts(&self.text, indent);
        if indent.is_empty() && !prompts {
            return Cell { text: Cow::Borrowed(&self.text), origins: self.origins.clone() };
        }
        let mut text = String::with_capacity(self.text.len());
        let mut origins = Vec::new();
        let mut at = 0;
        for line in self.text.split_inclusive('\n') {
            let rest = line.strip_prefix(indent).unwrap_or(line);
            let rest = if prompts { without_prompt(rest) } else { rest };
            origins.push((text.len(), self.origin(at + line.len() - rest.len())));
            text.push_str(rest);
            at += line.len();
        }
        Cell { text: Cow::Owned(text), origins }
    }

    /// What `%%` on the first line that is not empty makes of it; a question mark asks for help instead.
    pub(super) fn magic(&self) -> Option<Magic<'_>> {
        let start = self.text.len() - self.text.trim_start().len();
        let rest = self.text[start..].strip_prefix("%%")?;
        let (first, _) = rest.split_once('\n').unwrap_or((rest, ""));
        let first = first.trim_end();
        let (name, _) = first.split_once(' ').unwrap_or((first, ""));
        if name.contains('?') {
            return None;
        }
        let line_start = start + 2 + (name.len() + 1).min(first.len());
        let line_end = start + 2 + first.len();
        let body_start = self.text[line_end..].find('\n').map_or(self.text.len(), |at| line_end + at + 1);
        Some(Magic {
            name: name.to_owned(),
            line: self.part(line_start, line_end),
            body: self.part(body_start, self.text.len()),
        })
    }

    /// A part of it, which knows where it comes from.
    pub(super) fn part(&self, start: usize, end: usize) -> Cell<'_> {
        let inner = self.origins.iter().filter(|&&(own, _)| own > start && own < end);
        let rest = inner.map(|&(own, origin)| (own - start, origin));
        let origins = std::iter::once((0, self.origin(start))).chain(rest).collect();
        Cell { text: Cow::Borrowed(&self.text[start..end]), origins }
    }
}

/// As IPython decides it: the first line begins with a first prompt, or the second with any.
fn has_prompts(text: &str, indent: &str) -> bool {
    let mut lines =
        text.trim_start_matches(['\n', '\r']).lines().map(|line| line.strip_prefix(indent).unwrap_or(line));
    let first = lines.next().unwrap_or_default();
    let initial = first.starts_with(">>>") || first.trim_start().starts_with("In [");
    initial && without_prompt(first) != first || lines.next().is_some_and(|line| without_prompt(line) != line)
}

fn without_prompt(line: &str) -> &str {
    for prompt in [">>>", "..."] {
        if let Some(rest) = line.strip_prefix(prompt) {
            return match rest.strip_prefix(' ') {
                Some(rest) => rest,
                None if rest.trim_end_matches(['\n', '\r']).is_empty() => rest,
                None => line,
            };
        }
    }
    let inner = line.strip_prefix("[nav]").or(line.strip_prefix("[ins]")).unwrap_or(line);
    let inner = inner.trim_start_matches(' ');
    if let Some(rest) = inner.strip_prefix("In [") {
        let rest = rest.trim_start_matches(|char: char| char.is_ascii_digit());
        return rest.strip_prefix("]: ").unwrap_or(line);
    }
    match inner.strip_prefix("...") {
        Some(rest) if line.starts_with("   ") => {
            let rest = rest.trim_start_matches('.');
            rest.strip_prefix(": ").or(rest.strip_prefix(':')).unwrap_or(line)
        }
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pasted_along_is_dropped() {
        let cases = [
            ("x = 1\n", "x = 1\n"),
            ("\n\n  a\n  b\n c\n", "\n\na\nb\n c\n"),
            (">>> a\n... b\nout\n", "a\nb\nout\n"),
            (">>>\n", "\n"),
            ("In [12]: a\n    ...: b\n", "a\nb\n"),
            (">>>a\n", ">>>a\n"),
            ("\u{feff}a", "a"),
            ("x[...]\n", "x[...]\n"),
        ];
        for (code, text) in cases {
            let whole = Cell::new(code);
            let cell = whole.unwrapped();
            assert_eq!(cell.text, text, "{code:?}");
            if let Some(at) = text.find('b') {
                assert_eq!(code.as_bytes()[cell.origin(at)], b'b', "{code:?}");
            }
        }
    }

    #[test]
    fn a_cell_magic_knows_its_parts() {
        let code = "\n%%timeit -n 10\nbody\n";
        let cell = Cell::new(code);
        let magic = cell.magic().unwrap();
        assert_eq!((&*magic.name, &*magic.line.text, &*magic.body.text), ("timeit", "-n 10", "body\n"));
        assert_eq!(&code[magic.body.origin(0)..], "body\n");
        for (code, name) in [("%%bash", Some("bash")), ("%%time?", None), ("%time x", None), ("x %% y", None)]
        {
            assert_eq!(Cell::new(code).magic().map(|magic| magic.name).as_deref(), name, "{code}");
        }
    }
}
