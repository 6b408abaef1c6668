//! An answer as one page that needs nothing else: no script, no address, no style from elsewhere.
//!
//! Everything is escaped, HTML results are shown as source, pictures are `img` with data URLs (in which SVG runs no
//! script), and the page forbids in its own head whatever should slip through.

use super::prose::to_html;
use super::shown::{Shown, shown};
use super::{facts, failure, finding, plain, reason};
use crate::Entry;
use protocol::{CodeRun, FileChange, Status};
use std::fmt::Write;

const STYLE: &str = include_str!("page.css");

/// What the page may do: show pictures that it brings along, and use its own style.
const POLICY: &str =
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// A longer prompt is set smaller than a title.
const PROMPT_BYTES_SHORT: usize = 200;

/// The page.
pub fn html(entry: &Entry) -> String {
    let mut out = head(entry);
    for (index, step) in entry.steps().iter().enumerate() {
        if step.said.is_none() && step.runs.is_empty() {
            continue;
        }
        let _ = write!(out, "<section class=\"step\">\n<h2>Turn {}</h2>\n", index + 1);
        if let Some(said) = step.said {
            let _ = writeln!(out, "<div class=\"prose\">{}</div>", to_html(said));
        }
        step.runs.iter().for_each(|code| run(&mut out, code));
        out.push_str("</section>\n");
    }
    let _ = write!(out, "<section class=\"answer\">\n<h2>Answer</h2>\n");
    if let Some(reason) = reason(entry) {
        let word = entry.status_word();
        let _ = writeln!(out, "<p class=\"reason\"><b>{}</b> {}</p>", escape(&word), escape(&reason));
    }
    let _ = write!(
        out,
        "<div class=\"prose\">{}</div>\n</section>\n</main>\n</body>\n</html>\n",
        to_html(&entry.answer.answer)
    );
    out
}

fn head(entry: &Entry) -> String {
    let prompt = entry.answer.prompt.trim();
    let title: String = prompt.lines().next().unwrap_or_default().chars().take(80).collect();
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<header>\n",
        escape(&title)
    );
    let class = if prompt.len() > PROMPT_BYTES_SHORT { " class=\"long\"" } else { "" };
    let _ = write!(out, "<h1{class}>{}</h1>\n<dl class=\"facts\">\n", escape(prompt));
    for (name, value) in facts(entry) {
        let class =
            if name == "status" { format!(" class=\"is-{}\"", escape(&value)) } else { String::new() };
        let _ = writeln!(out, "<div{class}><dt>{name}</dt><dd>{}</dd></div>", escape(&value));
    }
    out.push_str("</dl>\n</header>\n");
    out
}

fn run(out: &mut String, run: &CodeRun) {
    let outcome = &run.outcome;
    let class = if outcome.status == Status::Ok { "run" } else { "run failed" };
    let word = serde_json::to_value(outcome.status).unwrap_or_default();
    let word = word.as_str().unwrap_or_default().replace('_', " ");
    let _ = write!(
        out,
        "<div class=\"{class}\">\n<div class=\"bar\"><span>{}</span><span class=\"state\">{word}</span>\
         <span>{:.0} ms</span></div>\n<pre class=\"code\"><code>{}</code></pre>\n",
        run.language,
        outcome.usage.wall_ms,
        escape(run.code.trim_end())
    );
    for one in &outcome.findings {
        let _ = writeln!(out, "<p class=\"finding\">{}</p>", escape(&finding(one)));
    }
    text(out, "stdout", &outcome.stdout);
    text(out, "stderr", &outcome.stderr);
    for bundle in &outcome.results {
        match shown(bundle) {
            Some(Shown::Picture(picture)) => {
                let _ = writeln!(out, "<img alt=\"figure\" src=\"{}\">", picture.data_url());
            }
            Some(Shown::Markdown(markdown)) => {
                let _ = writeln!(out, "<div class=\"prose\">{}</div>", to_html(markdown));
            }
            Some(Shown::Text(value)) => text(out, "value", &value),
            Some(Shown::Source(language, source)) => {
                let _ = writeln!(out, "<details><summary>{language}</summary>");
                text(out, "value", &source);
                out.push_str("</details>\n");
            }
            None => {}
        }
    }
    if let Some(error) = &outcome.error {
        text(out, "error", &failure(error).join("\n"));
    }
    files(out, &outcome.files);
    out.push_str("</div>\n");
}

fn text(out: &mut String, class: &str, text: &str) {
    let text = plain(text);
    if !text.trim().is_empty() {
        let _ = writeln!(out, "<pre class=\"{class}\">{}</pre>", escape(text.trim_end()));
    }
}

fn files(out: &mut String, files: &[FileChange]) {
    if files.is_empty() {
        return;
    }
    let names: Vec<String> =
        files.iter().map(|file| format!("{} ({} bytes)", escape(&plain(&file.path)), file.size)).collect();
    let _ = writeln!(out, "<p class=\"files\">files: {}</p>", names.join(", "));
}

/// Text that HTML takes for nothing but text, also inside quotes.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // They turn the direction of text: code would read otherwise than it runs.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}
