//! An answer as a file for people: a notebook, a page, a text.
//!
//! What a sandbox printed and what a model wrote is hostile until proven otherwise: each format says how it is kept
//! from doing anything.

mod html;
mod markdown;
mod notebook;
mod prose;
mod shown;

pub use html::html;
pub use markdown::{Beside, markdown, markdown_beside};
pub use notebook::notebook;

use crate::Entry;
use protocol::{Finding, FindingKind, OutcomeError};

/// What a person wants to know about an answer besides its text, as names and values.
fn facts(entry: &Entry) -> Vec<(&'static str, String)> {
    let answer = &entry.answer;
    let tokens = answer.usage;
    let mut facts = vec![
        ("model", answer.model.clone()),
        ("asked", moment(&entry.started_at)),
        ("status", entry.status_word()),
        ("turns", answer.turns.len().to_string()),
        ("code attempts", answer.code_attempts.to_string()),
        ("tokens", format!("{} in, {} out, {} cached", tokens.input, tokens.output, tokens.cache_read)),
        ("time", format!("{:.1} s", answer.wall_ms / 1000.0)),
    ];
    if let Some(dollars) = answer.cost_usd {
        facts.insert(6, ("cost", format!("${dollars:.4}")));
    }
    facts
}

/// `2026-11-21 03:08:47 UTC` from an ISO time.
fn moment(iso: &str) -> String {
    let (day, time) = iso.trim_end_matches('Z').split_once('T').unwrap_or((iso, ""));
    format!("{day} {} UTC", time.split('.').next().unwrap_or_default())
}

/// Why there is no answer that stands, in one line.
fn reason(entry: &Entry) -> Option<String> {
    let error = entry.answer.error.as_ref()?;
    let hint = error.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
    Some(format!("{}{hint}", error.message))
}

/// A finding in one line.
fn finding(finding: &Finding) -> String {
    let word = match finding.kind {
        FindingKind::Denied => "denied",
        FindingKind::Advice => "advice",
        FindingKind::Unresolved => "unresolved",
    };
    let hint = finding.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
    format!("{word}, line {}, {}: {}{hint}", finding.span.line, finding.rule, finding.message)
}

/// A failure as lines: the traceback where there is one, the title where the traceback does not end with it, the hint.
fn failure(error: &OutcomeError) -> Vec<String> {
    let title = format!("{}: {}", error.name, error.message);
    let mut lines = error.traceback.clone();
    if !lines.iter().any(|line| plain(line).contains(plain(&title).trim_end_matches([':', ' ']))) {
        lines.push(title);
    }
    lines.extend(error.hint.as_ref().map(|hint| format!("hint: {hint}")));
    lines
}

/// Output without what a terminal would obey; of a line that was written over, the last version.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut line_start = 0;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\x1b' => skip_sequence(&mut chars),
            '\r' if matches!(chars.peek(), Some('\n') | None) => {}
            '\r' => out.truncate(line_start),
            '\n' => {
                out.push(c);
                line_start = out.len();
            }
            '\t' => out.push(c),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

fn skip_sequence(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match chars.next() {
        Some('[') => while chars.next().is_some_and(|c| !('@'..='~').contains(&c)) {},
        Some(']' | 'P' | '_' | '^' | 'X') => {
            while let Some(c) = chars.next() {
                if c == '\x07' || c == '\x1b' && chars.next_if_eq(&'\\').is_some() {
                    return;
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_plain_text() {
        let cases = [
            ("a\tb\r\nc\n", "a\tb\nc\n"),
            ("\x1b[1;31mred\x1b[0m \x1b]0;title\x07x\x1b]8;;u\x1b\\y", "red xy"),
            ("first\n 10%\r 50%\r100%\ndone", "first\n100%\ndone"),
            ("bell\x07 null\0 c1\u{9b}31m", "bell null c131m"),
            ("cut \x1b[", "cut "),
            ("10%\r", "10%"),
        ];
        for (given, seen) in cases {
            assert_eq!(plain(given), seen, "{given:?}");
        }
    }

    #[test]
    fn times_are_for_people() {
        assert_eq!(moment("2026-11-21T03:08:47.123Z"), "2026-11-21 03:08:47 UTC");
    }
}
