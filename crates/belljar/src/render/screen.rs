//! An execution as a person sees it: streams as they come, results like in a notebook, errors as one block.
//!
//! Standard output gets what the code says and its results; standard error gets the code's standard error, errors
//! and what Belljar itself has to say.

use super::image::{self, Protocol};
use super::terminal::{self, BOLD, CYAN, FAINT, Filter, Look, RED, YELLOW};
use crate::cli::failure::{Done, Failure, reason};
use protocol::{Bundle, Category, OutcomeError};
use std::fmt::Write as _;
use std::io::{ErrorKind, Write};

/// A picture of a result, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Its MIME type.
    pub mime: &'static str,
    /// What its file's name ends with.
    pub extension: &'static str,
    /// The file's bytes.
    pub bytes: Vec<u8>,
}

/// Longest line of a traceback, in characters.
const LINE_CHARS_MAX: usize = 400;

/// Kinds of pictures, the ones that terminals show first.
const PICTURES: [(&str, &str); 5] = [
    ("image/png", "png"),
    ("image/jpeg", "jpg"),
    ("image/gif", "gif"),
    ("image/webp", "webp"),
    ("image/svg+xml", "svg"),
];

impl Picture {
    /// The best picture in a bundle.
    pub fn find(bundle: &Bundle) -> Option<Picture> {
        PICTURES.iter().find_map(|(mime, extension)| {
            let text = bundle.data.get(*mime)?.as_str()?;
            let bytes = if *extension == "svg" { text.as_bytes().to_owned() } else { image::decode(text)? };
            Some(Picture { mime, extension, bytes })
        })
    }

    fn caption(&self) -> String {
        let size = terminal::size(self.bytes.len() as u64);
        match image::dimensions(&self.bytes) {
            Some((width, height)) => format!("{} {width}×{height}, {size}", self.mime),
            None => format!("{}, {size}", self.mime),
        }
    }
}

/// Both streams of a person's terminal (or of a pipe).
#[derive(Debug)]
pub struct Screen {
    /// Standard output is for something else: all goes to standard error.
    aside: bool,
    out: Look,
    err: Look,
    out_filter: Filter,
    err_filter: Filter,
    pictures: Option<Protocol>,
    line_begun: bool,
}

impl Screen {
    /// For this process's own streams.
    pub fn new() -> Screen {
        Screen::with(false, Look::stdout())
    }

    /// For standard error alone: standard output is kept for what the caller prints there.
    pub fn aside() -> Screen {
        Screen::with(true, Look::stderr())
    }

    fn with(aside: bool, out: Look) -> Screen {
        let err = Look::stderr();
        Screen {
            aside,
            out,
            err,
            out_filter: Filter::new(true),
            err_filter: Filter::new(true),
            pictures: image::detect(out.terminal, |key| std::env::var(key).ok()),
            line_begun: false,
        }
    }

    /// How the stream for results looks.
    pub fn look(&self) -> Look {
        self.out
    }

    /// How the stream for notes looks.
    pub fn err_look(&self) -> Look {
        self.err
    }

    /// True while a line is begun and not ended.
    pub fn line_begun(&self) -> bool {
        self.line_begun
    }

    /// Text of ours among the results, as it is.
    pub fn show(&mut self, text: &str) -> Done<()> {
        self.new_line()?;
        self.put(text)
    }

    /// Text of ours among the notes, as it is.
    pub fn tell(&mut self, text: &str) -> Done<()> {
        self.new_line()?;
        tell(text)
    }

    /// True when a person looks at standard error.
    pub fn has_reader(&self) -> bool {
        self.err.terminal
    }

    /// The code's standard output.
    pub fn stdout(&mut self, text: &str) -> Done<()> {
        let harmless = if self.out.terminal { self.out_filter.pass(text) } else { text.to_owned() };
        self.put(&harmless)
    }

    /// The code's standard error.
    pub fn stderr(&mut self, text: &str) -> Done<()> {
        let harmless = if self.err.terminal { self.err_filter.pass(text) } else { text.to_owned() };
        if (self.aside || self.err.terminal && self.out.terminal) && !harmless.is_empty() {
            self.line_begun = !harmless.ends_with('\n');
        }
        tell(&harmless)
    }

    /// Output that was left out.
    pub fn truncated(&mut self, stream: &str, bytes: u64) -> Done<()> {
        let text = format!("[{} of {stream} left out here]", terminal::size(bytes));
        self.note(&text)
    }

    /// A result; `saved` is where its picture was written.
    pub fn result(&mut self, bundle: &Bundle, picture: Option<&Picture>, saved: Option<&str>) -> Done<()> {
        self.new_line()?;
        if let Some(picture) = picture {
            let shown = self.pictures.and_then(|kind| image::sequences(kind, picture.mime, &picture.bytes));
            let arrow = saved.map(|path| format!(" → {path}")).unwrap_or_default();
            return match shown {
                Some(sequences) if saved.is_none() => self.put(&sequences),
                Some(sequences) => self.put(&format!("{sequences}{}\n", self.out.paint(FAINT, &arrow[1..]))),
                None => {
                    let line = format!("[{}{arrow}]", picture.caption());
                    self.put(&format!("{}\n", self.out.paint(FAINT, &line)))
                }
            };
        }
        let text = self.text_of(bundle, saved);
        self.put(&text)
    }

    fn text_of(&self, bundle: &Bundle, saved: Option<&str>) -> String {
        let plain = ["text/plain", "text/markdown", "text/latex"];
        if let Some(text) = plain.iter().find_map(|mime| bundle.data.get(*mime)?.as_str()) {
            let mut text = if self.out.terminal { Filter::new(true).pass(text) } else { text.to_owned() };
            if !text.ends_with('\n') {
                text.push('\n');
            }
            if let Some(path) = saved {
                let _ = writeln!(text, "{}", self.out.paint(FAINT, &format!("→ {path}")));
            }
            return text;
        }
        let arrow = saved.map(|path| format!(" → {path}")).unwrap_or_default();
        let mut names = Vec::new();
        for (mime, data) in &bundle.data {
            let size = data.as_str().map_or_else(|| data.to_string().len(), str::len);
            names.push(format!("{} {}", terminal::name(mime), terminal::size(size as u64)));
        }
        format!("{}\n", self.out.paint(FAINT, &format!("[{}{arrow}]", names.join(", "))))
    }

    /// Why the code failed; `hint` replaces the error's own where the caller knows better.
    pub fn error(&mut self, error: &OutcomeError, hint: Option<&str>) -> Done<()> {
        // The code chose its exit code: ours says the same, as without Belljar.
        if error.name == "ExitCode" {
            return Ok(());
        }
        self.new_line()?;
        let category = category(error.category);
        let title = format!("error[{category}]: ");
        let name = terminal::name(&error.name);
        let message = Filter::new(false).pass(&error.message);
        let message = message.trim_end();
        // Python's syntax errors say it themselves.
        let line = error.line.filter(|line| !message.ends_with(&format!("line {line})")));
        let place = line.map(|line| format!(" (line {line})")).unwrap_or_default();
        let what = if message.is_empty() { name.clone() } else { format!("{name}: {message}") };
        let mut block = format!("{}{}{place}\n", self.err.paint(RED, &title), self.err.paint(BOLD, &what));
        for line in self.traceback(error, &what) {
            let _ = writeln!(block, "{} {line}", self.err.paint("31", "│"));
        }
        if let Some(hint) = hint.or(error.hint.as_deref()) {
            let hint = Filter::new(false).pass(hint);
            let _ = writeln!(block, "{} {hint}", self.err.paint(CYAN, "hint:"));
        }
        tell(&block)
    }

    /// The traceback's lines in harmless form, without the last one where it only repeats the title.
    fn traceback(&self, error: &OutcomeError, title: &str) -> Vec<String> {
        let mut filter = Filter::new(self.err.colour);
        let joined = error.traceback.join("\n");
        let harmless = filter.pass(&joined);
        let mut lines: Vec<String> = harmless.lines().map(cut).collect();
        let last = title.lines().last().unwrap_or_default();
        let name = format!("{}: ", error.name);
        let repeated = |line: &String| {
            let plain = Filter::new(false).pass(line);
            let plain = plain.trim();
            plain.is_empty() || plain == last.trim() || plain.starts_with(&name) && title.starts_with(plain)
        };
        while lines.last().is_some_and(repeated) {
            lines.pop();
        }
        lines
    }

    /// Something that Belljar says by the way.
    pub fn note(&mut self, text: &str) -> Done<()> {
        self.new_line()?;
        tell(&format!("{}\n", self.err.paint(FAINT, text)))
    }

    /// Something that a person should know.
    pub fn warning(&mut self, text: &str) -> Done<()> {
        self.new_line()?;
        tell(&format!("{} {text}\n", self.err.paint(YELLOW, "warning:")))
    }

    /// Ends a line that was begun, so that what follows stands alone.
    pub fn new_line(&mut self) -> Done<()> {
        if self.line_begun { self.put("\n") } else { Ok(()) }
    }

    fn put(&mut self, text: &str) -> Done<()> {
        if text.is_empty() {
            return Ok(());
        }
        self.line_begun = !text.ends_with('\n');
        if self.aside { tell(text) } else { print(text) }
    }
}

/// A line of a traceback, cut where nobody would read on.
fn cut(line: &str) -> String {
    match line.char_indices().nth(LINE_CHARS_MAX) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line.to_owned(),
    }
}

/// Writes to standard output at once. Fails when it is closed or full.
pub fn print(text: &str) -> Done<()> {
    let mut stream = std::io::stdout().lock();
    written(stream.write_all(text.as_bytes()).and_then(|()| stream.flush()), "standard output")
}

/// Writes to standard error.
pub fn tell(text: &str) -> Done<()> {
    written(std::io::stderr().lock().write_all(text.as_bytes()), "standard error")
}

fn written(result: std::io::Result<()>, stream: &str) -> Done<()> {
    result.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::broken_pipe(),
        _ => Failure::ours("unwritable", format!("write to {stream}: {}", reason(&error))),
    })
}

/// A failure of ours on standard error: `error: …` and `hint: …`.
pub fn failure(failure: &Failure) {
    let err = Look::stderr();
    let mut text = format!("{} {failure}\n", err.paint(RED, "error:"));
    if let Some(hint) = &failure.hint {
        let _ = writeln!(text, "{} {hint}", err.paint(CYAN, "hint:"));
    }
    // Nobody is left to be told when standard error is gone too.
    let _ = tell(&text);
}

fn category(category: Category) -> String {
    let word = serde_json::to_value(category).ok();
    word.and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn plain() -> Screen {
        let look = Look { terminal: false, colour: false };
        let (out_filter, err_filter) = (Filter::new(true), Filter::new(true));
        Screen {
            aside: false,
            out: look,
            err: look,
            out_filter,
            err_filter,
            pictures: None,
            line_begun: false,
        }
    }

    fn bundle(data: serde_json::Value) -> Bundle {
        serde_json::from_value(json!({"main": true, "data": data})).unwrap()
    }

    #[test]
    fn results_are_text_where_there_is_text() {
        let screen = plain();
        let cases = [
            (json!({"text/plain": "4", "text/html": "<b>4</b>"}), None, "4\n"),
            (json!({"text/html": "<b>4</b>"}), None, "[text/html 8 B]\n"),
            (json!({"text/html": "<b>4</b>"}), Some("out/a.html"), "[text/html 8 B → out/a.html]\n"),
            (json!({"text/plain": "fig"}), Some("out/a.html"), "fig\n→ out/a.html\n"),
            (json!({"application/json": {"a": 1}}), None, "[application/json 7 B]\n"),
        ];
        for (data, saved, text) in cases {
            assert_eq!(screen.text_of(&bundle(data.clone()), saved), text, "{data}");
        }
    }

    #[test]
    fn pictures_are_checked() {
        let png = Picture::find(&bundle(json!({"image/png": "AAEC\nAw==", "text/plain": "x"}))).unwrap();
        assert_eq!((png.bytes.as_slice(), png.extension), (&[0, 1, 2, 3][..], "png"));
        assert_eq!(png.caption(), "image/png, 4 B");
        assert!(Picture::find(&bundle(json!({"image/png": "\u{1b}]52;c;x\u{7}"}))).is_none());
        assert_eq!(Picture::find(&bundle(json!({"image/svg+xml": "<svg/>"}))).unwrap().extension, "svg");
    }

    #[test]
    fn the_title_is_not_repeated() {
        let error = OutcomeError {
            category: Category::Exception,
            name: "ValueError".into(),
            message: "bad".into(),
            traceback: vec!["Cell line 1".into(), "\x1b[31mValueError\x1b[0m: bad".into(), String::new()],
            line: Some(1),
            retryable: true,
            hint: None,
        };
        assert_eq!(plain().traceback(&error, "ValueError: bad"), ["Cell line 1"]);
        assert_eq!(plain().traceback(&error, "ValueError: bad (<cell 1>, line 1)"), ["Cell line 1"]);
        let long = OutcomeError { traceback: vec!["[".repeat(100_000)], ..error };
        assert_eq!(plain().traceback(&long, "ValueError: bad")[0].chars().count(), LINE_CHARS_MAX + 1);
    }
}
