//! Findings of a policy as a compiler shows them: where, which rule, the line of the code, what to do instead.

use super::terminal::{BOLD, CYAN, FAINT, Look, RED, YELLOW, harmless};
use protocol::{Finding, FindingKind, Span};
use std::fmt::Write;
use unicode_width::UnicodeWidthChar;

/// Characters of a line that are shown; of a longer one, those around the place.
const LINE_CHARS_MAX: usize = 96;

/// Characters of a hint that are shown.
const HINT_CHARS_MAX: usize = 200;

/// All findings; `label` stands for the code's file.
pub fn block(label: &str, code: &str, findings: &[Finding], look: Look) -> String {
    let lines: Vec<&str> = code.split('\n').collect();
    findings.iter().map(|finding| one(label, &lines, finding, look)).collect()
}

fn one(label: &str, lines: &[&str], finding: &Finding, look: Look) -> String {
    let Span { line, column, .. } = finding.span;
    let (style, suffix) = match finding.kind {
        FindingKind::Denied => (RED, ""),
        FindingKind::Advice => (YELLOW, " [advice]"),
        FindingKind::Unresolved => (CYAN, " [unresolved]"),
    };
    let (rule, message) = (look.paint(style, &finding.rule), harmless(&finding.message));
    let place = look.paint(BOLD, &format!("{label}:{line}:{column}:"));
    let mut out = format!("{place} {rule}: {message}{}\n", look.paint(FAINT, suffix));
    if let Some(text) = lines.get(line.saturating_sub(1) as usize) {
        let (text, marks) = excerpt(text, finding.span);
        let number = line.to_string();
        let (bar, empty) = (look.paint(FAINT, " │ "), " ".repeat(number.len()));
        let _ = writeln!(out, "  {}{bar}{text}", look.paint(FAINT, &number));
        let _ = writeln!(out, "  {empty}{bar}{}", look.paint(style, &marks));
    }
    if let Some(hint) = &finding.hint {
        let _ = writeln!(out, "  {} {}", look.paint(CYAN, "hint:"), short(&harmless(hint)));
    }
    out
}

/// A hint for a person: a model reads long lists, a person does not.
fn short(hint: &str) -> String {
    match hint.char_indices().nth(HINT_CHARS_MAX) {
        None => hint.to_owned(),
        Some((end, _)) => {
            format!("{}, …", hint[..end].rsplit_once(", ").map_or(&hint[..end], |(before, _)| before))
        }
    }
}

/// A line, cut where it is long, and the carets below it.
fn excerpt(line: &str, span: Span) -> (String, String) {
    let line: Vec<char> = harmless(line).chars().collect();
    let begin = (span.column.max(1) as usize - 1).min(line.len());
    let end = if span.end_line > span.line { line.len() } else { span.end_column.max(1) as usize - 1 };
    let end = end.clamp(begin, line.len());
    let from = if line.len() > LINE_CHARS_MAX { begin.saturating_sub(LINE_CHARS_MAX / 3) } else { 0 };
    let to = line.len().min(from + LINE_CHARS_MAX);
    let (before, after) = (if from > 0 { "…" } else { "" }, if to < line.len() { "…" } else { "" });
    let shown: String = line[from..to].iter().collect();
    // A tabulator is as wide below as above.
    let blank = |c: &char| if *c == '\t' { "\t".to_owned() } else { " ".repeat(c.width().unwrap_or(0)) };
    let indent: String = before.chars().chain(line[from..begin].iter().copied()).map(|c| blank(&c)).collect();
    let carets: usize = line[begin..end.min(to)].iter().map(|c| c.width().unwrap_or(0)).sum();
    (format!("{before}{shown}{after}"), format!("{indent}{}", "^".repeat(carets.max(1))))
}

/// Advice in one line each, for a note after a failure.
pub fn advice(findings: &[Finding]) -> Vec<String> {
    let told = findings.iter().filter(|finding| finding.kind != FindingKind::Denied);
    told.map(|finding| {
        let hint = finding.hint.as_deref().map(|hint| format!("; {hint}")).unwrap_or_default();
        harmless(&format!("policy, line {}: {}{hint}", finding.span.line, finding.message)).replace('\n', " ")
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Look = Look { terminal: false, colour: false };

    fn finding(line: u32, column: u32, end_line: u32, end_column: u32) -> Finding {
        let span = Span { line, column, end_line, end_column };
        let (rule, message) = ("call-denied".to_owned(), "no `eval`".to_owned());
        Finding { rule, kind: FindingKind::Denied, span, message, hint: None }
    }

    #[test]
    fn carets_stand_below_what_was_found() {
        let long = format!("{} eval(x) {}", "a".repeat(200), "b".repeat(200));
        let cases: [(&str, Finding, &str, &str); 7] = [
            ("x = eval(s)", finding(1, 5, 1, 12), "x = eval(s)", "    ^^^^^^^"),
            ("\teval(s)", finding(1, 2, 1, 6), "\teval(s)", "\t^^^^"),
            ("図 = eval(s)", finding(1, 5, 1, 9), "図 = eval(s)", "     ^^^^"),
            ("eval(\n  s)", finding(1, 1, 2, 4), "eval(", "^^^^^"),
            ("x", finding(1, 9, 1, 9), "x", " ^"),
            ("a\nb = eval", finding(2, 5, 2, 9), "b = eval", "    ^^^^"),
            ("x \x1b[2J eval", finding(1, 4, 1, 5), "x  eval", "   ^"),
        ];
        for (code, finding, line, marks) in cases {
            let text = block("a.py", code, std::slice::from_ref(&finding), PLAIN);
            let span = finding.span;
            let number = span.line;
            let expected = format!(
                "a.py:{number}:{}: call-denied: no `eval`\n  {number} │ {line}\n    │ {marks}\n",
                span.column
            );
            assert_eq!(text, expected, "{code:?}");
        }
        let text = block("a.py", &long, &[finding(1, 202, 1, 206)], PLAIN);
        let rows: Vec<&str> = text.lines().collect();
        let at = |row: &str, what: &str| row.chars().count() - row[row.find(what).unwrap()..].chars().count();
        assert_eq!(at(rows[1], "eval"), at(rows[2], "^^^^"), "{text}");
        assert!(rows[1].chars().count() < 120 && rows[1].ends_with('…'), "{text}");
    }

    #[test]
    fn a_line_that_is_not_there_is_left_out() {
        assert_eq!(block("c", "", &[finding(7, 1, 7, 2)], PLAIN), "c:7:1: call-denied: no `eval`\n");
    }

    #[test]
    fn long_lists_are_cut_between_names() {
        assert_eq!(short("use math, re"), "use math, re");
        let long = short(&format!("use {}", "größe, ".repeat(60)));
        assert!(long.ends_with("größe, …") && long.chars().count() <= HINT_CHARS_MAX + 3, "{long}");
        assert_eq!(short(&"x".repeat(300)).chars().count(), HINT_CHARS_MAX + 3);
    }

    #[test]
    fn advice_is_one_line() {
        let told = Finding { kind: FindingKind::Advice, hint: Some("use\nit".into()), ..finding(3, 1, 3, 2) };
        assert_eq!(advice(&[finding(1, 1, 1, 2), told]), ["policy, line 3: no `eval`; use it"]);
    }
}
