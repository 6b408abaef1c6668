//! Answers of the journal as a person reads them: the list, and one answer as a page.

use super::image::{self, Protocol};
use super::table::aligned;
use super::terminal::{BOLD, CYAN, FAINT, Filter, GREEN, Look, RED, YELLOW, harmless, name, size};
use super::{Picture, cost, findings, highlight, markdown};
use journal::{Entry, Summary};
use protocol::{Bundle, CodeRun, Outcome, OutcomeError};
use std::fmt::Write;
use unicode_width::UnicodeWidthChar;

/// Digits of an id in the list: enough to name an answer among some ten thousand.
const DIGITS: usize = 8;
/// Narrower than this, a prompt tells nothing.
const PROMPT_COLUMNS_MIN: usize = 16;
/// Columns that a model's name may take.
const MODEL_COLUMNS_MAX: usize = 28;

/// The list, in lines of at most `width` columns where that is possible.
pub fn table(summaries: &[Summary], look: Look, width: usize) -> String {
    let titles = ["ID", "WHEN (UTC)", "STATUS", "MODEL", "RUNS", "COST", "PROMPT"];
    let mut rows = vec![titles.map(|title| look.paint(FAINT, title)).to_vec()];
    for one in summaries {
        let word = one.status_word();
        let digits: String = one.id.as_str().trim_start_matches("ans_").chars().take(DIGITS).collect();
        rows.push(vec![
            look.paint(BOLD, &digits),
            one.started_at.split('.').next().unwrap_or_default().to_owned(),
            look.paint(style(&word), &word.replace('_', " ")),
            cut(&name(&one.model), MODEL_COLUMNS_MAX),
            one.code_attempts.to_string(),
            one.cost_usd.map_or_else(|| "–".to_owned(), |dollars| format!("${dollars:.4}")),
        ]);
    }
    let taken = aligned(&rows).lines().map(columns_of).max().unwrap_or_default() + 2;
    let room = width.saturating_sub(taken).max(PROMPT_COLUMNS_MIN);
    for (row, one) in rows.iter_mut().skip(1).zip(summaries) {
        let line = harmless(&one.prompt).split_whitespace().collect::<Vec<_>>().join(" ");
        row.push(cut(&line, room));
    }
    aligned(&rows)
}

fn style(status: &str) -> &'static str {
    match status {
        "ok" => GREEN,
        "degraded" => YELLOW,
        "incomplete" => FAINT,
        _ => RED,
    }
}

fn columns_of(line: &str) -> usize {
    Filter::new(false).pass(line).chars().filter_map(UnicodeWidthChar::width).sum()
}

/// The beginning of a line that is too long.
fn cut(text: &str, columns: usize) -> String {
    if columns_of(text) <= columns {
        return text.to_owned();
    }
    let mut used = 1;
    let kept: String = text
        .chars()
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used <= columns
        })
        .collect();
    format!("{kept}…")
}

/// How a page is written.
#[derive(Debug, Clone, Copy)]
pub struct Paper {
    /// How standard output wants its text.
    pub look: Look,
    /// Columns of a line of prose.
    pub width: usize,
    /// How pictures are shown, where they can be.
    pub pictures: Option<Protocol>,
}

/// One answer with everything that led to it.
pub fn page(entry: &Entry, paper: Paper) -> String {
    let (look, answer) = (paper.look, &entry.answer);
    let word = entry.status_word();
    let mut out = format!(
        "{}  {}\n{}  {}  {}\n",
        look.paint(BOLD, answer.id.as_str()),
        look.paint(style(&word), &word.replace('_', " ")),
        entry.started_at,
        name(&answer.model),
        look.paint(FAINT, &cost::line(answer)),
    );
    if let Some(before) = &entry.conversation {
        let _ = writeln!(out, "{}", look.paint(FAINT, &format!("after {before}")));
    }
    for line in harmless(answer.prompt.trim()).lines() {
        let _ = write!(out, "\n{} {}", look.paint(CYAN, "❯"), look.paint(BOLD, line));
    }
    out.push('\n');
    for step in entry.steps() {
        if let Some(said) = step.said {
            let _ = write!(out, "\n{}", markdown::render(said, look, paper.width));
        }
        step.runs.iter().for_each(|code| run(&mut out, code, paper));
    }
    if !answer.answer.trim().is_empty() {
        let _ = write!(out, "\n{}", markdown::render(&answer.answer, look, paper.width));
    }
    if let Some(error) = &answer.error {
        let _ = write!(out, "\n{} {}\n", look.paint(RED, &format!("{word}:")), harmless(&error.message));
        if let Some(hint) = &error.hint {
            let _ = writeln!(out, "{} {}", look.paint(CYAN, "hint:"), harmless(hint));
        }
    }
    out
}

fn run(out: &mut String, run: &CodeRun, paper: Paper) {
    let (look, outcome) = (paper.look, &run.outcome);
    let title = format!("── {} · {:.0} ms", run.language, outcome.usage.wall_ms);
    let _ = writeln!(out, "\n{}", look.paint(FAINT, &title));
    for line in highlight::lines(&run.code, run.language, look) {
        let _ = writeln!(out, "{} {line}", look.paint(FAINT, "│"));
    }
    out.push_str(&findings::block("code", &run.code, &outcome.findings, look));
    streams(out, outcome, look);
    for bundle in &outcome.results {
        result(out, bundle, paper);
    }
    if let Some(error) = &outcome.error {
        failure(out, error, look);
    }
    for file in &outcome.files {
        let line = format!("→ {}  {}", name(&file.path), size(file.size));
        let _ = writeln!(out, "{}", look.paint(FAINT, &line));
    }
}

fn streams(out: &mut String, outcome: &Outcome, look: Look) {
    for (text, style) in [(&outcome.stdout, ""), (&outcome.stderr, YELLOW)] {
        for line in harmless(text).lines() {
            let line = if style.is_empty() { line.to_owned() } else { look.paint(style, line) };
            let _ = writeln!(out, "{line}");
        }
    }
}

fn result(out: &mut String, bundle: &Bundle, paper: Paper) {
    let look = paper.look;
    if let Some(picture) = Picture::find(bundle) {
        let shown = paper.pictures.and_then(|kind| image::sequences(kind, picture.mime, &picture.bytes));
        let caption = || {
            let caption = format!("[{}, {}]", picture.mime, size(picture.bytes.len() as u64));
            format!("{}\n", look.paint(FAINT, &caption))
        };
        out.push_str(&shown.unwrap_or_else(caption));
        return;
    }
    let text = ["text/plain", "text/markdown", "text/latex"]
        .iter()
        .find_map(|mime| bundle.data.get(*mime)?.as_str());
    let text = text.map_or_else(
        || {
            let names: Vec<String> = bundle.data.keys().map(|mime| name(mime)).collect();
            look.paint(FAINT, &format!("[{}]", names.join(", ")))
        },
        harmless,
    );
    let _ = writeln!(out, "{}", text.trim_end());
}

fn failure(out: &mut String, error: &OutcomeError, look: Look) {
    let title = format!("{}: {}", name(&error.name), harmless(&error.message));
    for line in harmless(&error.traceback.join("\n")).lines().filter(|line| line.trim() != title.trim()) {
        let _ = writeln!(out, "{} {line}", look.paint("31", "│"));
    }
    let _ = writeln!(out, "{}", look.paint(RED, title.trim_end_matches([':', ' '])));
    if let Some(hint) = &error.hint {
        let _ = writeln!(out, "{} {}", look.paint(CYAN, "hint:"), harmless(hint));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_by_columns() {
        for (text, columns, seen) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("図図図", 6, "図図図"),
            ("図図図", 5, "図図…"),
            ("図図図", 4, "図…"),
        ] {
            assert_eq!(cut(text, columns), seen, "{text} {columns}");
        }
    }

    #[test]
    fn the_list_fits_the_terminal() {
        let summary = |prompt: &str| Summary {
            id: protocol::AnswerId::from_bits(0xabcd_ef01 << 96),
            conversation: None,
            started_at: "2026-11-21T03:08:47.123Z".into(),
            complete: true,
            status: Some(protocol::AnswerStatus::TurnLimit),
            model: "anthropic:claude".into(),
            code_attempts: 2,
            cost_usd: Some(0.01),
            wall_ms: None,
            prompt: prompt.into(),
        };
        let rows = [summary(&"long ".repeat(50)), summary("two\n lines\x1b[2J")];
        let plain = Look { terminal: true, colour: false };
        let text = table(&rows, plain, 100);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.iter().all(|line| line.chars().count() <= 100) && lines[1].ends_with('…'), "{text}");
        assert!(
            lines[1].starts_with(
                "abcdef01  2026-11-21T03:08:47  turn limit  anthropic:claude  2     $0.0100  long"
            ),
            "{text}"
        );
        assert!(lines[2].ends_with("two lines"), "{text}");
    }
}
