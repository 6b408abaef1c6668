//! Text cut to what a model shall read: lines, middles left out, HTML without its tags.

/// Text of at most about `bytes` bytes: where it is longer, its middle is left out, and a line says how much.
pub(crate) fn squeeze(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let head = &text[..text.floor_char_boundary(bytes / 2)];
    let tail = &text[text.ceil_char_boundary(text.len() - bytes / 2)..];
    // Whole lines read better, where lines are not longer than half of everything.
    let head = head.rfind('\n').filter(|&at| at >= head.len() / 2).map_or(head, |at| &head[..at]);
    let tail = tail.find('\n').filter(|&at| at <= tail.len() / 2).map_or(tail, |at| &tail[at + 1..]);
    let left_out = text.len() - head.len() - tail.len();
    format!("{head}\n… {left_out} bytes left out here …\n{tail}")
}

/// One line without control characters, of at most so many characters.
pub(super) fn line(text: &str, chars: usize) -> String {
    let plain = interpreter::plain(text).replace(['\n', '\t'], " ");
    match plain.char_indices().nth(chars) {
        None => plain,
        Some((at, _)) => format!("{}…", &plain[..at]),
    }
}

/// Text of HTML: cells apart by ` | `, rows and paragraphs on lines of their own.
pub(crate) fn from_html(html: &str) -> String {
    let mut out = String::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        let Some(end) = rest[at..].find('>').map(|end| at + end) else {
            rest = &rest[at..];
            break;
        };
        let tag = rest[at + 1..end].trim_start_matches('/').to_ascii_lowercase();
        let name = tag.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        let closes = rest[at..].starts_with("</");
        rest = &rest[end + 1..];
        match name {
            "td" | "th" if closes => out.push_str(" | "),
            "tr" | "p" | "div" | "li" | "table" | "h1" | "h2" | "h3" | "h4" if closes => out.push('\n'),
            "br" => out.push('\n'),
            "script" | "style" if !closes => rest = after_closing(rest, name),
            _ => {}
        }
    }
    out.push_str(rest);
    let lines = out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    let lines: Vec<String> = lines.map(|line| line.trim_end_matches(" |").to_owned()).collect();
    unescape(&lines.into_iter().filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n"))
}

fn after_closing<'a>(html: &'a str, name: &str) -> &'a str {
    let closing = format!("</{name}");
    let at = html.to_ascii_lowercase().find(&closing);
    at.map_or("", |at| &html[at..])
}

fn unescape(text: &str) -> String {
    let named =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&nbsp;", " "), ("&amp;", "&")];
    named.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_left_out_at_characters_and_lines() {
        let lines: String = (0..100).map(|n| format!("line {n}\n")).collect();
        for (text, bytes, start, end) in [
            ("short", 5, "short", "short"),
            ("ääääääääää", 7, "ä\n… 16 bytes left out here …\nä", "ä"),
            (&lines, 60, "line 0\nline 1\nline 2\nline 3\n… 739 bytes", "line 97\nline 98\nline 99\n"),
            ("0123456789", 0, "\n… 10 bytes left out here …\n", "…\n"),
        ] {
            let cut = squeeze(text, bytes);
            assert!(cut.starts_with(start) && cut.ends_with(end), "{text:.20} to {bytes}: {cut}");
        }
    }

    #[test]
    fn html_becomes_rows() {
        let table = "<style>td {}</style><table><tr><th>a</th><th>b &amp; c</th></tr>\n<tr><td>1</td><td>&lt;2</td></tr></table>";
        for (html, text) in [
            (table, "a | b & c\n1 | <2"),
            ("<p>one</p>two<br>three", "one\ntwo\nthree"),
            ("a < b", "a < b"),
            ("<script>alert('</p>')", ""),
            ("", ""),
        ] {
            assert_eq!(from_html(html), text, "{html}");
        }
    }

    #[test]
    fn a_line_is_one_line() {
        assert_eq!(line("a\u{1b}[31mb\nc", 10), "ab c");
        assert_eq!(line("äöü", 2), "äö…");
    }
}
